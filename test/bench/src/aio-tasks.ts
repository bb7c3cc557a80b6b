/** The library as users get it: built. */
export * from '../../../dist/index.js'
