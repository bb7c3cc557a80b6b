/** The public exports of `aio-tasks/bullmq`. */

export type {RemoteProgress, RemoteStats, RemoteTasks} from 'aio-tasks/remote'
export {EngineError, LostJobError, RemoteJobError, type RemoteJobErrorDetails} from 'aio-tasks/remote'
export {remoteTasks} from './remote-tasks.js'
export type * from './types.js'
export {workerTasks} from './worker-tasks.js'
