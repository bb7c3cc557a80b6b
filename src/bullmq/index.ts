/** The public surface of the library's way past one machine. */
export {RemoteJobError, type RemoteJobErrorDetails} from './errors.js'
export {remoteTasks} from './remote-tasks.js'
export type * from './types.js'
export {workerTasks} from './worker-tasks.js'
