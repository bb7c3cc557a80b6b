export default {
  files: ['test/**/*.test.ts', '!test/bullmq/**'], // that folder needs a Redis: npm run test:bullmq
  extensions: {ts: 'module'},
  nodeArguments: ['--import=tsx'],
  workerThreads: false,
  timeout: '2m',
}
