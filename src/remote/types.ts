/** The vocabulary of this folder: what an engine must offer, and what users set. Types only: nothing here runs. */
import type {TaskFunction} from 'aio-tasks'

/** A job as a producer hands it to its engine. */
export interface NewJob<D> {
  /** Chosen by the producer. Jobs with one id are one job. */
  readonly id: string
  /** What the handler gets as `job.data`. It must survive the way to another process: JSON, for most engines. */
  readonly data: D
  /** The job's place among those of its producer, from 0. */
  readonly index: number
  /** What the engine's `capture` gave. */
  readonly context?: unknown
}

/** How far a job is, as an engine knows it. */
export type Outcome =
  | {readonly id: string; readonly status: 'completed'; readonly result: unknown}
  | {
      readonly id: string
      readonly status: 'failed'
      /** The message of what the handler threw last, or why the engine has given the job up. */
      readonly reason: string
      /** The stack of the last attempt, where the engine keeps it. */
      readonly stack?: string | undefined
      /** How many attempts have been made, where the engine counts them. */
      readonly attempts?: number | undefined
    }
  /** It waits for a worker, or a worker runs it. */
  | {readonly id: string; readonly status: 'waiting' | 'active'}
  /** The engine does not know the job. */
  | {readonly id: string; readonly status: 'missing'}

/** What an engine may tell of a job before anybody asks. */
export type News =
  | Outcome
  /** Something has happened to the job: look at it. */
  | {readonly id: string; readonly status: 'changed'}
  /** The handler has told how far it is. */
  | {readonly id: string; readonly status: 'progress'; readonly progress: unknown}
  /** The handler has written a line to the job's log. */
  | {readonly id: string; readonly status: 'log'; readonly line: string}

/** The producer's side of an engine: takes jobs in, and knows what became of each. */
export interface ProducerEngine<D> {
  /**
   * Hands jobs in. A job whose id is known already is left as it is, finished or not.
   *
   * @returns The ids that were known, whose jobs are looked at at once. An engine that tells of these by `listen` need
   * not give them.
   */
  add(jobs: ReadonlyArray<NewJob<D>>): Promise<readonly string[] | void>
  /** Called for each job, in the async context of its task, before `add`: what it gives is the job's `context`. */
  capture?(): unknown
  /** How far each of these jobs is: the look that decides. One outcome for each id, in any order. */
  outcomes(ids: readonly string[]): Promise<Outcome[]>
  /**
   * Called once, before the first job is handed in: `hear` wants to be told what happens to jobs, the producer's or
   * not. It makes results arrive soon, and may lose some: those are found by `outcomes`. Ends with `close`.
   */
  listen?(hear: (news: News) => void): Promise<void> | void
  /** Takes out those of these jobs that wait, in one step for each: never a job that runs or has finished. */
  remove?(ids: readonly string[]): Promise<void>
  /** Whether an error only says that the engine cannot be reached, or takes nothing, at the moment. */
  isTransient?(error: unknown): boolean
  /** Closes what the engine has opened. Called once, when no other call is under way. */
  close?(): Promise<void>
}

/** A job that a worker has taken. Exactly one of `done`, `failed` and `back` is called, once it is accepted. */
export interface TakenJob<D = unknown> {
  /** The job's id, as its producer gave it. */
  readonly id: string
  /** What the job was handed in with. */
  readonly data: D
  /** Hands the result in. Rejects with a `LostJobError` if the job is not this worker's any more. */
  done(result: unknown): Promise<void>
  /** Hands the failure in; whether the job is tried again is the engine's. Rejects as `done` does. */
  failed(error: Error): Promise<void>
  /** Gives the job back, for any worker to take, as if it had not been taken. Rejects as `done` does. */
  back(): Promise<void>
  /** Tells the engine that the job is still being run. Rejects as `done` does. */
  touch?(): Promise<void>
  /** Calls the handler, in the async context that the engine has for the job. Default: in that of the runner. */
  run?<V>(call: () => V): V
}

/** Tells a source that the handler of a job should give up. */
export interface Interruption {
  /** The id of the job that is interrupted. */
  readonly id: string
  /** What the handler's signal aborts with. */
  readonly reason: unknown
  /** Whether the job is not this worker's any more. Then nothing is handed in for it. */
  readonly isLost: boolean
}

/** What an engine may tell the source of a worker at any time. */
export interface WorkerHost<T extends TakenJob> {
  /** There may be jobs: `take` is called again, if it has given none. */
  wake(): void
  /** Here are jobs that no `take` has asked for. Those that the runner does not want within a second go back. */
  deliver(jobs: readonly T[]): void
  /** The handler of a job should give up. */
  interrupt(interruption: Interruption): void
  /** No more jobs will come. With an error, the run fails with it. */
  end(error?: Error): void
}

/** The worker's side of an engine: gives jobs out, and takes in what becomes of them. */
export interface WorkerEngine<T extends TakenJob = TakenJob> {
  /**
   * Takes up to `max` jobs. Where there is none, it gives none, or waits for one: then it resolves soon when the signal
   * aborts. Never called again before it has settled. An engine that delivers jobs by itself, as many as `hold` says,
   * has no `take`.
   */
  take?(max: number, signal: AbortSignal): Promise<readonly T[]>
  /**
   * Milliseconds from a `take` that has given none to the next one, both from their beginning; `host.wake()` cuts them
   * short. Default: 1000.
   */
  readonly pollEvery?: number
  /**
   * Told, at the end of a turn of the event loop, when it has changed: how many jobs this worker should hold in all,
   * those that run and those that it would start at once. For an engine that takes jobs ahead.
   */
  hold?(count: number): void
  /** Called once, before the first `take`. */
  listen?(host: WorkerHost<T>): void
  /** Milliseconds between calls of a job's `touch`. Default: it is not called. */
  readonly touchEvery?: number
  /** Whether an error only says that the engine cannot be reached, or takes nothing, at the moment. */
  isTransient?(error: unknown): boolean
  /** Told that no more jobs will be taken, before those that run have finished. */
  stop?(): void
  /** Closes what the engine has opened. Called once, when no job is held any more. */
  close?(): Promise<void>
}

/** What a producer hears of its jobs. */
export type RemoteProgress<D> = {
  /** The job's id: what `jobId` gave, or a random UUID. */
  readonly jobId: string
  /** What the job was handed in with. */
  readonly data: D
  /** The job's place among all that were handed in. */
  readonly index: number
} & (
  | {readonly state: 'handed in' | 'started' | 'completed'}
  | {readonly state: 'failed'; readonly reason: string}
  | {readonly state: 'progress'; readonly progress: unknown}
  | {readonly state: 'log'; readonly line: string}
)

/** How many of a producer's jobs have come how far. Each job counts in all the states that it has passed. */
export interface RemoteStats {
  /** The engine has accepted them. */
  readonly handedIn: number
  /** A worker has begun with them, as far as the engine tells; at the latest when they are finished. */
  readonly started: number
  /** They are done, and their results are known. */
  readonly completed: number
  /** They have failed, and are not tried again. */
  readonly failed: number
}

/** How jobs are handed to workers, on any engine. */
export interface RemoteOptions<D> {
  /**
   * The job's id: a string that is not empty. Jobs with one id are one job, which runs once, also when its producer is
   * started again, for as long as the engine keeps its result. Default: a random UUID, or with `run` the run's name
   * and the place of the job.
   */
  readonly jobId?: ((data: D, index: number) => string) | undefined
  /**
   * The run's name. The same jobs in the same order, handed in under the same name, are the same jobs: a second
   * producer, or the first one started again, waits for their results too, and none runs twice.
   */
  readonly run?: string | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, between looks at the jobs that nothing has been heard of for so long. One that
   * is missing, as when the engine has lost its latest writes, is found so by two looks and added again. Default: 5000.
   */
  readonly checkInterval?: number | undefined
  /**
   * Milliseconds, > 0 and ≤ 2147483647, or `Infinity`, from handing in a job until its result must be here. Past
   * them its task fails with a `TimeoutError`; the job is withdrawn, unless a worker runs it. Default: no timeout.
   */
  readonly timeout?: number | undefined
  /** Hears how far each job is. What it throws is reported as an error of the source. */
  readonly onProgress?: ((progress: RemoteProgress<D>) => void) | undefined
  /** Hears what no task can tell, such as a connection that is lost. Default: `console.error`. */
  readonly onError?: ((error: Error) => void) | undefined
}

/** A source of tasks, each of which has a worker somewhere run one job. */
export interface RemoteTasks<R> extends AsyncIterableIterator<TaskFunction<R>, undefined> {
  /** How far the jobs are, at this moment. */
  readonly stats: RemoteStats
}

/** How jobs are taken, on any engine. */
export interface WorkerOptions {
  /** Ends the source gracefully when it aborts: no more jobs, and the run is over when those taken are done. */
  readonly signal?: AbortSignal | undefined
  /** Hears what no task can tell, such as a connection that is lost. Default: `console.error`. */
  readonly onError?: ((error: Error) => void) | undefined
}

/**
 * What is done for a job, on the worker's side.
 *
 * @param job What the engine gives: at least `id` and `data`.
 * @param signal Aborts when the run ends in any but a graceful way, when the task overruns the runner's `timeout`, and
 * when the job is lost, so that another worker may be running it.
 * @returns The job's result.
 */
export type TakenJobHandler<T, R> = (job: T, signal: AbortSignal) => R | PromiseLike<R>

/** A source of tasks, each of which runs one job of an engine. */
export interface WorkerTasks<R> extends AsyncIterableIterator<TaskFunction<R>, undefined> {}
