/** The public surface of the library. */
export {concurrent} from './concurrent.js'
export type {ConcurrentErrorDetails} from './errors.js'
export {ConcurrentError, ConcurrentExecutionError, ConcurrentIteratorError} from './errors.js'
export {inflate} from './inflate.js'
export {defaultLimit} from './options.js'
export {TaskQueue} from './queue/task-queue.js'
export {ConcurrentRunner} from './runner.js'
export type * from './types.js'
