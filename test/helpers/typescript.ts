/** The argument for Node with which it runs TypeScript as the tests do, in any folder. */
export const typescript: string = `--import=${new URL('../../.config/test/typescript.js', import.meta.url).href}`
