export default {
  files: ['test/**/*.test.ts', '!test/bullmq/**', '!test/pg-boss/**'], // those need servers: npm run test:remote
  extensions: {ts: 'module'},
  nodeArguments: ['--import=tsx'],
  workerThreads: false,
  timeout: '2m',
}
