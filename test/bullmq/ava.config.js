/** For the tests that need a Redis: `npm run test:remote`. */
export default {
  files: ['test/bullmq/**/*.test.ts'],
  extensions: {ts: 'module'},
  nodeArguments: ['--import=tsx'],
  workerThreads: false,
  timeout: '2m',
}
