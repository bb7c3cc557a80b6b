import {availableParallelism} from 'node:os'

export default {
  files: ['test/**/*.test.ts', '!test/bullmq/**', '!test/pg-boss/**'], // those need servers: npm run test:remote
  extensions: {ts: 'module'},
  // Tests give promises to limited runs on purpose. What the warning says is tested in processes of its own.
  nodeArguments: [
    `--import=${new URL('.config/test/typescript.js', import.meta.url).href}`,
    '--disable-warning=ConcurrentWarning',
  ],
  workerThreads: false,
  concurrency: availableParallelism() + 1, // some files wait more than they work
  timeout: '2m',
}
