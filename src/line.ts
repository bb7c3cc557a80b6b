/** Keeps the tasks that were read ahead of the slots: in the order of the source, or by groups that take turns. */
import type {Context} from './context.js'
import type {ReadAhead} from './options.js'
import {type AsyncScope, isEnterWithContained} from './platform/runtime.js'
import {Groups, type Member} from './queue/groups.js'
import {PriorityQueue, type Waiting} from './queue/priority-queue.js'
import {handleRejection, type QueuedTask} from './task.js'
import type {Mapper, Permit, TaskContext} from './types.js'

/** Is told of changes in the line that happen on their own. */
export interface LineHost {
  /** A task may start now that could not start before. */
  lineChanged(): void
  /** The group's governor has failed for a task. The task waits no more. */
  groupFailed(task: LineTask, cause: unknown): void
  /** An item was read, but its task will never run. */
  leftOver(item: unknown): void
}

/** One item of the source, from its reading until its task has settled. */
export class LineTask implements Waiting, QueuedTask {
  /** The index of the item in the source. */
  readonly sequence: number
  readonly raw: unknown
  readonly priority = 0
  next: this | undefined = undefined
  isWaiting = true
  /** Its membership in its group; `undefined` where it has no group. */
  member: Member | undefined
  /** The error of the function that names its group: the task fails with it when its turn comes. */
  failure: {readonly cause: unknown} | undefined
  readonly #line: Line

  constructor(line: Line, raw: unknown, index: number) {
    this.#line = line
    this.raw = raw
    this.sequence = index
  }

  get item(): unknown {
    return this.#line.mapper === undefined ? undefined : this.raw
  }

  get group(): unknown {
    return this.member?.key
  }

  takePermit(): Permit | undefined {
    return this.member?.takePermit()
  }

  tryEnter(onAvailable: () => void): boolean {
    return this.member?.tryEnter(onAvailable) ?? true
  }

  call(context: Context, call: (task: unknown, context: TaskContext) => unknown): unknown {
    const {scope} = this.#line
    return scope === undefined ? call(this.raw, context) : scope.runInAsyncScope(call, undefined, this.raw, context)
  }

  toFunction(): unknown {
    const {mapper} = this.#line
    return mapper === undefined ? this.raw : (context: TaskContext) => mapper(this.raw, context)
  }

  get isRepeatable(): boolean {
    return this.#line.mapper !== undefined || typeof this.raw === 'function'
  }

  fulfilled(): void {
    this.#settled()
  }

  rejected(): void {
    this.#settled()
  }

  /** The task will never run. */
  refuse(): void {
    this.#settled()
    this.#line.leftOver(this)
  }

  released(): void {}

  [Symbol.dispose](): void {
    this.#line.putBack(this)
  }

  #settled(): void {
    const {member} = this
    this.member = undefined
    member?.settled()
  }
}

export class Line {
  /** Handles an item, where the items are no tasks. */
  readonly mapper: Mapper<unknown, unknown> | undefined
  /** The async context in which each task is called; `undefined` where the caller's context serves. */
  readonly scope: AsyncScope | undefined
  readonly #ahead: ReadAhead
  readonly #host: LineHost
  readonly #groups: Groups<LineTask> | undefined
  /** Joins an item's task to its group; `undefined` where there are no groups. */
  readonly #memberOf: ((item: unknown) => Member | undefined) | undefined
  readonly #tasks: Groups<LineTask> | PriorityQueue<LineTask>
  /** The promise that was read last: nothing is read behind it until its task starts. */
  #promise: LineTask | undefined
  /** With groups, the waiting tasks by their index in the source. Made when first needed, which may be never. */
  #places: Map<number, LineTask> | undefined
  /** Tasks from this index on are dropped. */
  #end = Infinity

  constructor(
    ahead: ReadAhead,
    mapper: Mapper<unknown, unknown> | undefined,
    scope: AsyncScope | undefined,
    host: LineHost,
  ) {
    this.#ahead = ahead
    this.mapper = mapper
    this.scope = isEnterWithContained ? scope : undefined
    this.#host = host
    const {groupOf, rules} = ahead
    if (groupOf !== undefined) {
      const changed = (): void => host.lineChanged()
      const failed = (task: LineTask, cause: unknown): void => {
        this.#taken(task)
        host.groupFailed(task, cause)
      }
      const isRead = (): boolean => true // when the run ends, it drops the tasks
      const groups = new Groups<LineTask>(rules, {ready: changed, offered: changed, failed, isRead})
      this.#groups = groups
      this.#memberOf = (item) => {
        const key = groupOf(item)
        return key === undefined ? undefined : groups.join(key)
      }
    }
    this.#tasks = this.#groups ?? new PriorityQueue<LineTask>()
  }

  get isGrouped(): boolean {
    return this.#groups !== undefined
  }

  /** How many tasks wait. */
  get size(): number {
    return this.#tasks.size
  }

  /** Whether nothing more is to be read now. */
  get isFull(): boolean {
    return this.#tasks.size >= this.#ahead.most || this.#promise?.isWaiting === true
  }

  /** Keeps the item with this index in the source. */
  push(item: unknown, index: number): void {
    const task = new LineTask(this, item, index)
    handleRejection(item)
    if (this.mapper === undefined && typeof item === 'object') this.#promise = task
    try {
      task.member = this.#memberOf?.(item)
    } catch (cause) {
      task.failure = {cause}
    }
    if (index >= this.#end)
      task.refuse() // group() has ended the run
    else {
      this.#tasks.push(task)
      this.#places?.set(index, task)
    }
  }

  /** Takes the task whose turn it is; `undefined` if none may start now. */
  tryTake(): LineTask | undefined {
    return this.#taken(this.#tasks.shift())
  }

  /**
   * Takes the task whose result comes next, which has this index in the source, out of turn; `undefined` if the task does
   * not wait here, or may not start now. Without groups it does not wait: tasks start in the order of their results.
   */
  tryTakeAt(index: number): LineTask | undefined {
    if (this.#groups === undefined) return undefined
    this.#places ??= new Map([...this.#groups].map((waiting) => [waiting.sequence, waiting]))
    const task = this.#places.get(index)
    return task === undefined ? undefined : this.#taken(this.#groups.takeFirstOf(task))
  }

  /** Puts a task back that was taken and could not start. */
  putBack(task: LineTask): void {
    if (task.sequence >= this.#end) return task.refuse()
    task.isWaiting = true
    this.#tasks.putBack(task)
    this.#places?.set(task.sequence, task)
  }

  /** Whether a task waits that comes before this index in the source. */
  hasBefore(index: number): boolean {
    for (const {sequence} of this.#tasks) if (sequence < index) return true
    return false
  }

  /** Drops the tasks from this index in the source on, now and later. */
  close(from: number): void {
    this.#end = Math.min(this.#end, from)
    const tasks = [...this.#tasks]
    for (const task of tasks) {
      if (task.sequence < from || !task.isWaiting) continue
      this.#taken(task)
      this.#tasks.remove(task)
      task.refuse()
    }
  }

  /** Disposes of tasks that will never run. */
  leftOver({raw}: LineTask): void {
    this.#host.leftOver(raw)
  }

  #taken(task: LineTask | undefined): LineTask | undefined {
    if (task === undefined) return undefined
    task.isWaiting = false
    this.#places?.delete(task.sequence)
    return task
  }
}
