/** Calls the task of an attempt: through the hook `execute`, in its async context, and traced. */
import type {Context} from './context.js'
import {type AsyncScope, isEnterWithContained} from './platform/runtime.js'
import {handleRejection, type QueuedTask} from './task.js'
import {traceCall} from './tracing.js'
import type {Mapper, Task, TaskContext, TaskTrace} from './types.js'

type Call = (item: unknown, context: TaskContext) => unknown

/** What the items of a run are, and how they are called. Known when the run begins. */
export interface CallerOptions {
  /** Whether the items are tasks of a TaskQueue. */
  readonly isQueue: boolean
  /** Whether the items have waited in a queue or a line, and are {@link QueuedTask}s. */
  readonly isQueued: boolean
  /** Handles an item, where the items are no tasks. */
  readonly mapper: Mapper<unknown, unknown> | undefined
  /** The hook of a subclass. */
  readonly execute: ((task: Task<never>, context: TaskContext) => unknown) | undefined
  /** The async context in which the run began. */
  readonly scope: AsyncScope | undefined
}

export class Caller {
  readonly #isQueue: boolean
  readonly #isQueued: boolean
  readonly #mapper: CallerOptions['mapper']
  readonly #execute: CallerOptions['execute']
  readonly #call: Call
  /** The scope in which tasks are called; `undefined` where a task cannot change the context of others. */
  #scope: AsyncScope | undefined

  constructor({isQueue, isQueued, mapper, execute, scope}: CallerOptions) {
    this.#isQueue = isQueue
    this.#isQueued = isQueued
    this.#mapper = mapper
    this.#execute = execute
    this.#call = mapper ?? callTask
    this.#scope = isEnterWithContained ? scope : undefined
  }

  /** Calls the task of an attempt, and returns what the task gives. */
  call(item: unknown, context: Context, queued: QueuedTask | undefined, trace: TaskTrace | undefined): unknown {
    if (this.#execute !== undefined) return this.#callHook(this.#execute, item, context, queued, trace)
    const call = trace === undefined ? this.#call : traced(trace, this.#call)
    if (queued !== undefined) return queued.call(context, call)
    return this.#scope === undefined ? call(item, context) : this.#scope.runInAsyncScope(call, undefined, item, context)
  }

  /** No task is called any more: frees what the AsyncLocalStorage of the run holds. The caller stays: see `specimen`. */
  end(): void {
    this.#scope = undefined
  }

  /** The item that a task has: the item that is mapped, or the item of its push. */
  itemOf(item: unknown): unknown {
    return this.#isQueue ? (item as QueuedTask).item : item
  }

  /** What subscribers to an attempt get. */
  traceOf(item: unknown, {index, attempt}: TaskContext): TaskTrace {
    const {group, queuedAt} = this.#isQueued ? (item as QueuedTask) : notQueued
    const priority = this.#isQueue ? (item as QueuedTask).priority : undefined
    return {index, attempt, group, priority, queuedAt, startedAt: performance.now()}
  }

  #callHook(
    execute: NonNullable<CallerOptions['execute']>,
    item: unknown,
    context: Context,
    queued: QueuedTask | undefined,
    trace: TaskTrace | undefined,
  ): unknown {
    handleRejection(item) // the hook may throw before it has handled a promise
    const task = this.#toTask(item, queued)
    return trace === undefined ? execute(task, context) : traceCall(trace, execute, task, context)
  }

  /** An item as the hook sees it. */
  #toTask(item: unknown, queued: QueuedTask | undefined): Task<never> {
    const mapper = this.#mapper
    if (queued !== undefined) return queued.toFunction() as Task<never>
    return (mapper === undefined ? item : (context: TaskContext) => mapper(item, context)) as Task<never>
  }
}

const notQueued = {group: undefined, queuedAt: undefined}

function traced(trace: TaskTrace, call: Call): Call {
  return (task, context) => traceCall(trace, call, task, context)
}

function callTask(task: unknown, context: TaskContext): unknown {
  return typeof task === 'function' ? task(context) : task
}
