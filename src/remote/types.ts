/** The types of this folder: what an engine must offer, and the options of users. Types only: no code runs here. */
import type {TaskFunction} from 'aio-tasks'

/** A job as a producer hands it to its engine. */
export interface NewJob<D> {
  /** Chosen by the producer. Jobs with the same id are one job. */
  readonly id: string
  /** The data that the handler gets as `job.data`. It must be serializable: JSON, for most engines. */
  readonly data: D
  /** The job's index among the jobs of its producer, from 0. */
  readonly index: number
  /** The value that the engine's `capture` returned. */
  readonly context?: unknown
}

/** The state of a job, as the engine knows it. */
export type Outcome =
  | {readonly id: string; readonly status: 'completed'; readonly result: unknown}
  | {
      readonly id: string
      readonly status: 'failed'
      /** The message of the error that the handler threw last, or the reason why the engine has given the job up. */
      readonly reason: string
      /** The stack of the last attempt, if the engine keeps it. */
      readonly stack?: string | undefined
      /** How many attempts have been made, if the engine counts them. */
      readonly attempts?: number | undefined
    }
  /** The job waits for a worker, or a worker runs it. */
  | {readonly id: string; readonly status: 'waiting' | 'active'}
  /** The engine does not know the job. */
  | {readonly id: string; readonly status: 'missing'}

/** What an engine may report about a job on its own. */
export type News =
  | Outcome
  /** The job's state has changed: the source looks at it. */
  | {readonly id: string; readonly status: 'changed'}
  /** The handler has reported its progress. */
  | {readonly id: string; readonly status: 'progress'; readonly progress: unknown}
  /** The handler has written a line to the job's log. */
  | {readonly id: string; readonly status: 'log'; readonly line: string}

/** The producer's side of an engine: accepts jobs, and knows the state of each. */
export interface ProducerEngine<D> {
  /**
   * Hands jobs in. A job whose id is already known stays as it is, finished or not.
   *
   * @returns The ids that were already known; the source looks at their jobs at once. An engine that reports these jobs
   * by `listen` need not return them.
   */
  add(jobs: ReadonlyArray<NewJob<D>>): Promise<readonly string[] | void>
  /** Called for each job, in the async context of its task, before `add`. The returned value is the job's `context`. */
  capture?(): unknown
  /** The state of each of these jobs. This look decides. One outcome for each id, in any order. */
  outcomes(ids: readonly string[]): Promise<Outcome[]>
  /**
   * Called once, before the first job is handed in: from then on the engine calls `hear` with news of jobs, which may
   * also be jobs of other producers. News makes results arrive soon. Some news may be lost: those results are found by
   * `outcomes`. Ends with `close`.
   */
  listen?(hear: (news: News) => void): Promise<void> | void
  /** Takes out the waiting jobs among these, each in one atomic step: never a job that runs or has finished. */
  remove?(ids: readonly string[]): Promise<void>
  /** Whether an error is temporary: the engine cannot be reached, or accepts nothing, at the moment. */
  isTransient?(error: unknown): boolean
  /** Closes the connections that the engine has opened. Called once, when no other call is under way. */
  close?(): Promise<void>
}

/** A job that a worker has taken. Of `done`, `failed` and `back`, exactly one call takes effect. */
export interface TakenJob<D = unknown> {
  /** The job's id, as its producer gave it. */
  readonly id: string
  /** The data with which the job was handed in. */
  readonly data: D
  /** Hands the result in. Rejects with a `LostJobError` if the job does not belong to this worker any more. */
  done(result: unknown): Promise<void>
  /** Hands the failure in; the engine decides whether the job is tried again. Rejects as `done` does. */
  failed(error: Error): Promise<void>
  /** Gives the job back for any worker to take, as if it had never been taken. Rejects as `done` does. */
  back(): Promise<void>
  /** Tells the engine that the job still runs. Rejects as `done` does. */
  touch?(): Promise<void>
  /** Calls the handler, in the async context that the engine has for the job. Default: the context of the runner. */
  run?<V>(call: () => V): V
}

/** Tells a source that the handler of a job should stop. */
export interface Interruption {
  /** The id of the job that is interrupted. */
  readonly id: string
  /** The reason with which the handler's signal aborts. */
  readonly reason: unknown
  /** Whether the job does not belong to this worker any more. Then no outcome is handed in for it. */
  readonly isLost: boolean
}

/** The calls that an engine may make to the source of a worker at any time. */
export interface WorkerHost<T extends TakenJob> {
  /** There may be new jobs: `take` is called again, if its last call gave none. */
  wake(): void
  /** Delivers jobs that no `take` has asked for. Jobs that the runner does not start within a second go back. */
  deliver(jobs: readonly T[]): void
  /** The handler of a job should stop. */
  interrupt(interruption: Interruption): void
  /** No more jobs will come. With an error, the run fails with this error. */
  end(error?: Error): void
}

/** The worker's side of an engine: gives out jobs, and accepts their outcomes. */
export interface WorkerEngine<T extends TakenJob = TakenJob> {
  /**
   * Takes up to `max` jobs. If there is none, it resolves with an empty array, or waits for a job; then it resolves
   * soon when the signal aborts. Never called again before it has settled. An engine without `take` delivers jobs by
   * itself, as many as `hold` says.
   */
  take?(max: number, signal: AbortSignal): Promise<readonly T[]>
  /**
   * Milliseconds from the start of a `take` that gave no job to the start of the next `take`; `host.wake()` shortens
   * this wait. Default: 1000.
   */
  readonly pollEvery?: number
  /**
   * Called at the end of a turn of the event loop with a changed count: how many jobs this worker should hold in all,
   * that is, running jobs and jobs that it would start at once. For an engine that takes jobs ahead.
   */
  hold?(count: number): void
  /** Called once, before the first `take`. */
  listen?(host: WorkerHost<T>): void
  /** Milliseconds between calls of a job's `touch`. Default: `touch` is not called. */
  readonly touchEvery?: number
  /** Whether an error is temporary: the engine cannot be reached, or accepts nothing, at the moment. */
  isTransient?(error: unknown): boolean
  /** Called when no more jobs will be taken, before the running jobs have finished. */
  stop?(): void
  /** Closes the connections that the engine has opened. Called once, when no job is held any more. */
  close?(): Promise<void>
}

/** A change in the state of a producer's job. */
export type RemoteProgress<D> = {
  /** The job's id: what `jobId` gave, or a random UUID. */
  readonly jobId: string
  /** The data with which the job was handed in. */
  readonly data: D
  /** The job's index among all jobs of this producer. */
  readonly index: number
} & (
  | {readonly state: 'handed in' | 'started' | 'completed'}
  | {readonly state: 'failed'; readonly reason: string}
  | {readonly state: 'progress'; readonly progress: unknown}
  | {readonly state: 'log'; readonly line: string}
)

/** How many of a producer's jobs have reached each state. A job counts in every state that it has passed. */
export interface RemoteStats {
  /** Jobs that the engine has accepted. */
  readonly handedIn: number
  /** Jobs that a worker has begun, if the engine tells so; a finished job always counts. */
  readonly started: number
  /** Jobs that have succeeded, whose results are known. */
  readonly completed: number
  /** Jobs that have failed for good. */
  readonly failed: number
}

/** Options of a producer, on any engine. */
export interface RemoteOptions<D> {
  /**
   * The job's id: a string that is not empty. Jobs with the same id are one job, which runs once, even if its producer
   * is started again, for as long as the engine keeps its result. Default: a random UUID or, with `run`, the run's name
   * and the index of the job.
   */
  readonly jobId?: ((data: D, index: number) => string) | undefined
  /**
   * The run's name. The same jobs in the same order, handed in under the same name, are the same jobs: a second
   * producer, or the first producer after a restart, waits for their results too, and no job runs twice.
   */
  readonly run?: string | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647. The source looks at a job that has had no news for this time. A job that is
   * missing, for example because the engine has lost its latest writes, is found by two looks and added again. Default:
   * 5000.
   */
  readonly checkInterval?: number | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, or `Infinity`: how long the task waits for the job's result. After that the
   * task fails with a `TimeoutError`, and the job is withdrawn, unless a worker runs it. Default: no timeout.
   */
  readonly timeout?: number | undefined
  /** Called with each change in the state of a job. An error that it throws is reported as an error of the source. */
  readonly onProgress?: ((progress: RemoteProgress<D>) => void) | undefined
  /** Called with errors that belong to no task, such as a lost connection. Default: `console.error`. */
  readonly onError?: ((error: Error) => void) | undefined
}

/** A source of tasks, each of which lets a worker somewhere run one job. */
export interface RemoteTasks<R> extends AsyncIterator<TaskFunction<R>, undefined> {
  /** The source itself, for one run. */
  [Symbol.asyncIterator](): this
  /** How many jobs have reached each state, at this moment. */
  readonly stats: RemoteStats
}

/** Options of a worker, on any engine. */
export interface WorkerOptions {
  /**
   * Ends the source gracefully when it aborts: it takes no more jobs, and the run ends when the taken jobs are done.
   */
  readonly signal?: AbortSignal | undefined
  /** Called with errors that belong to no task, such as a lost connection. Default: `console.error`. */
  readonly onError?: ((error: Error) => void) | undefined
}

/**
 * The function that runs a job, on the worker's side.
 *
 * @param job The job as the engine gives it: at least `id` and `data`.
 * @param signal Aborts when the run ends other than gracefully, when the task exceeds the runner's `timeout`, and when
 * the job is lost, so that another worker may be running it.
 * @returns The job's result.
 */
export type TakenJobHandler<T, R> = (job: T, signal: AbortSignal) => R | PromiseLike<R>

/** A source of tasks, each of which runs one job of an engine. */
export interface WorkerTasks<R> extends AsyncIterator<TaskFunction<R>, undefined> {
  /** The source itself, for one run. */
  [Symbol.asyncIterator](): this
}
