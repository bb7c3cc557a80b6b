/** `process` for tests in a page, where a test that comes to use it is left out; the global stays missing. */
import {missing} from './missing.js'

const process: object = missing('process')

export {process}
