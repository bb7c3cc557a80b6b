/** The tasks of a queue that were not called, and where each of them is: in the line, handed out, or taken. */
import type {GroupRules} from '../options.js'
import {Groups, type GroupsHost, type Member} from './groups.js'
import {PriorityQueue} from './priority-queue.js'
import type {QueuedTask} from './queued-task.js'

/** A reader that is no runner. */
export interface Reader {
  /** How many tasks it holds: they were handed out to it, and neither called nor put back. */
  held: number
}

/** One time that a task was handed out. */
interface HandOut {
  readonly reader: Reader
}

export class UncalledTasks {
  readonly #rules: GroupRules
  readonly #host: GroupsHost<QueuedTask>
  #line: PriorityQueue<QueuedTask> | Groups<QueuedTask> = new PriorityQueue<QueuedTask>()
  /** The line by groups, used from the first push with a group on. */
  #groups: Groups<QueuedTask> | undefined
  /** Tasks with a lower number that are still `waiting` were cleared: their pushes are about to reject. */
  #clearedBelow = 0
  readonly #handedOut = new Map<QueuedTask, HandOut>()
  /** Tasks that runners are about to call, after their `start` listeners. */
  readonly #taken: QueuedTask[] = []

  constructor(rules: GroupRules, host: GroupsHost<QueuedTask>) {
    this.#rules = rules
    this.#host = host
  }

  get size(): number {
    return this.#line.size + this.#handedOut.size + this.#taken.length
  }

  /** Whether the line has no task. Tasks that are handed out or taken may come back into it. */
  get isEmpty(): boolean {
    return this.#line.size === 0
  }

  /** Whether a task can be taken. */
  get isReady(): boolean {
    return this.#line.isReady
  }

  /**
   * Whether nothing will come for a reader unless more is pushed. A reader waits for tasks that other readers hold and
   * may put back, unless it holds tasks itself: otherwise two readers that gather tasks before they call them would wait
   * for each other.
   */
  isOverFor(reader: Reader): boolean {
    return this.#line.size + this.#taken.length === 0 && (this.#handedOut.size === 0 || reader.held > 0)
  }

  /** All of them: by priority, then by age. */
  inOrder(): QueuedTask[] {
    const tasks = [...this]
    // Only a line without groups is already in order. Equal priorities give 0 or, if they are infinite, `NaN`.
    if (tasks.length > this.#line.size || this.#groups !== undefined)
      tasks.sort((a, b) => b.priority - a.priority || a.sequence - b.sequence)
    return tasks
  }

  *[Symbol.iterator](): Generator<QueuedTask, void, undefined> {
    yield* this.#line
    yield* this.notInLine()
  }

  // Groups

  isFull(group: unknown): boolean {
    return this.#groups?.isFull(group) ?? false
  }

  /** The last reader has ended. */
  endWaits(): void {
    this.#groups?.endWaits()
  }

  /** Creates the membership of a task that is about to be pushed. */
  join(group: unknown): Member {
    return (this.#groups ?? this.#group()).join(group)
  }

  /** Replaces the line without groups. */
  #group(): Groups<QueuedTask> {
    const groups = new Groups<QueuedTask>(this.#rules, this.#host)
    for (let task = this.#line.shift(); task !== undefined; task = this.#line.shift()) groups.push(task)
    this.#line = this.#groups = groups
    return groups
  }

  // From place to place

  push(task: QueuedTask): void {
    this.#line.push(task)
  }

  /** Takes the task whose turn it is out of the line. */
  shift(): QueuedTask | undefined {
    return this.#line.shift()
  }

  /** A runner is about to call a task that was taken out of the line. */
  take(task: QueuedTask): void {
    task.state = 'taken'
    this.#taken.push(task)
  }

  /** Hands out a task that was taken out of the line. */
  handOut(task: QueuedTask, reader: Reader): HandOut {
    task.state = 'handed out'
    const handOut = {reader}
    this.#handedOut.set(task, handOut)
    reader.held++
    return handOut
  }

  /** Whether a task has not left the reader since it was handed out. */
  isHandedOut(task: QueuedTask, handOut: HandOut): boolean {
    return this.#handedOut.get(task) === handOut
  }

  /** What a reader holds: what was handed out last comes first. */
  heldBy(reader: Reader): QueuedTask[] {
    if (reader.held === 0) return []
    return [...this.#handedOut.keys()].filter((task) => this.#handedOut.get(task)?.reader === reader).toReversed()
  }

  /** Takes a task out, wherever it is. Returns `false` if it is not here any more. */
  remove(task: QueuedTask): boolean {
    switch (task.state) {
      case 'waiting':
        if (task.sequence < this.#clearedBelow) return false
        this.leaves(task) // ahead of the line, which looks at the state
        this.#line.remove(task)
        return true
      case 'handed out': {
        const handOut = this.#handedOut.get(task)
        if (handOut !== undefined) handOut.reader.held--
        this.#handedOut.delete(task)
        break
      }
      case 'taken':
        if (this.#taken.at(-1) === task) this.#taken.pop()
        else this.#taken.splice(this.#taken.indexOf(task), 1)
        break
      default:
        return false
    }
    this.leaves(task)
    return true
  }

  /** A task that was taken out waits no more. */
  leaves(task: QueuedTask): void {
    task.state = 'leaving'
    task.member?.stopsWaiting()
  }

  /** Puts a task that was handed out or taken back where it stood. Returns `false` if it is in the line, or not here. */
  putBack(task: QueuedTask): boolean {
    if (task.state === 'waiting' || !this.remove(task)) return false
    task.state = 'waiting'
    task.member?.waitsAgain()
    this.#line.putBack(task)
    return true
  }

  /**
   * Empties the line.
   *
   * @param below All tasks with a lower number have been pushed by now.
   * @returns What stood in it. Those tasks keep the state `waiting`: a million of them are not visited at once.
   */
  clearLine(below: number): Array<Pick<PriorityQueue<QueuedTask>, 'shift' | 'size'>> {
    this.#clearedBelow = below
    if (this.#groups !== undefined) return this.#groups.clear()
    const line = this.#line
    this.#line = new PriorityQueue()
    return [line]
  }

  /** The tasks that are handed out or taken. */
  notInLine(): QueuedTask[] {
    return [...this.#handedOut.keys(), ...this.#taken]
  }
}
