/** For the tests that need a PostgreSQL: `npm run test:remote`. */
export default {
  files: ['test/pg-boss/**/*.test.ts'],
  extensions: {ts: 'module'},
  nodeArguments: [`--import=${new URL('../../.config/test/typescript.js', import.meta.url).href}`],
  workerThreads: false,
  timeout: '2m',
}
