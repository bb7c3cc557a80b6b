/** The public surface of the library. */
export {concurrent} from './concurrent.js'
export {
  ConcurrentError,
  type ConcurrentErrorDetails,
  ConcurrentExecutionError,
  ConcurrentIteratorError,
} from './errors.js'
export {inflate} from './inflate.js'
export {defaultLimit} from './options.js'
export {ConcurrentRunner} from './runner.js'
export type {
  Items,
  RunnerEvents,
  RunnerOptions,
  RunnerState,
  RunnerStats,
  Source,
  StopOptions,
  Task,
  TaskContext,
  Yielded,
} from './types.js'
