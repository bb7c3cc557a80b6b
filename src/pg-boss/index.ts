/** The public exports of `aio-tasks/pg-boss`. */

export type {RemoteProgress, RemoteStats, RemoteTasks, TakenJobHandler, WorkerTasks} from 'aio-tasks/remote'
export {EngineError, LostJobError, RemoteJobError, type RemoteJobErrorDetails} from 'aio-tasks/remote'
export {remoteTasks} from './remote-tasks.js'
export type * from './types.js'
export {workerTasks} from './worker-tasks.js'
