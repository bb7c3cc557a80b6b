/** The public surface of the way past one machine, for engines of one's own. */
export {Batch} from './batch.js'
export {EngineError, LostJobError, RemoteJobError, type RemoteJobErrorDetails} from './errors.js'
export {remoteTasks} from './remote-tasks.js'
export type * from './types.js'
export {workerTasks} from './worker-tasks.js'
