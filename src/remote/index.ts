/** The public exports of `aio-tasks/remote`, for engines of your own. */
export {Batch} from './batch.js'
export {EngineError, LostJobError, RemoteJobError, type RemoteJobErrorDetails} from './errors.js'
export {remoteTasks} from './remote-tasks.js'
export type * from './types.js'
export {workerTasks} from './worker-tasks.js'
