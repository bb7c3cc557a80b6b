/** For the tests that need a Redis: `npm run test:remote`. */
export default {
  files: ['test/bullmq/**/*.test.ts'],
  extensions: {ts: 'module'},
  nodeArguments: [`--import=${new URL('../../.config/test/typescript.js', import.meta.url).href}`],
  workerThreads: false,
  timeout: '2m',
}
