/** Keeps entries by groups: each group has its own limit, and groups of equal priority take turns. */

import type {GroupGovernor, GroupRules} from '../options.js'
import {nextTurn, reportUncaught} from '../platform/runtime.js'
import {permitError, releasePermit, unused, whenSettled} from '../task.js'
import type {Permit} from '../types.js'
import {PriorityQueue, type Waiting} from './priority-queue.js'

/** An entry that can wait in a group. */
export interface GroupEntry extends Waiting {
  /** Its membership in a group; `undefined` where it has no group. */
  readonly member: Member | undefined
}

/** Is told of changes that happen on their own. */
export interface GroupsHost<E> {
  /** Whether anybody takes entries. While nobody does, no group waits for its governor, but for a retry. */
  isRead(): boolean
  /** An entry may start now that could not start before. */
  ready(): void
  /** The same for a governor's permit, which is given back after this call unless an entry has been taken with it. */
  offered(): void
  /** The governor of the entry's group has failed for the entry. The entry waits no more. */
  failed(entry: E, cause: unknown): void
}

/** After this number of refusals in a row, a group asks its governor again only in a later turn of the event loop. */
const mostRefusals = 2

/** How many groups are asked for an entry in vain before the event loop turns. */
const mostAsked = 512

/** How many lingering groups are checked again whenever a group is created or forgotten. */
const lookedAt = 2

/** The permit of entries without a group. */
const freePermit: Permit = {release() {}}

/** A place in the line of turns, for a group that may start an entry. */
class Turn implements Waiting {
  next: this | undefined = undefined
  isWaiting = true
  /** The same for all: a turn that is put back comes first. */
  readonly sequence = 0
  readonly group: Group
  readonly priority: number

  constructor(group: Group, priority: number) {
    this.group = group
    this.priority = priority
  }
}

/** All entries with the same key. */
class Group {
  readonly key: unknown
  readonly limit: number
  readonly governor: GroupGovernor | undefined
  line: PriorityQueue<GroupEntry> = new PriorityQueue()
  /** Its turn, while it has an entry that may start. */
  turn: Turn | undefined
  /** How many entries run, or were taken to be called. */
  running = 0
  /** How many members have not been called. */
  waiting = 0
  /** How many members have no outcome yet. */
  members = 0
  /** Set while the group waits for its governor. */
  hold: AbortController | undefined
  /** The permit that the governor has given after a wait. */
  offered: Permit | undefined
  /** The error with which the governor has failed after a wait: the next entry fails with it. */
  failure: {readonly cause: unknown} | undefined
  /** How often the governor has refused since an entry last began. */
  refusals = 0
  /** Members that wait for another attempt; they come before the entries in the line. */
  readonly retries: Map<Member, () => void> = new Map()

  constructor(key: unknown, limit: number, governor: GroupGovernor | undefined) {
    this.key = key
    this.limit = limit
    this.governor = governor
  }

  get hasRoom(): boolean {
    return this.running < this.limit && this.hold === undefined
  }
}

/** The groups, as a member sees them. */
interface MemberHost {
  enterAnyway(member: Member): Permit
  tryEnter(member: Member, onAvailable: () => void): Permit | undefined
  settled(member: Member): void
}

/** The membership of an entry in its group, from its push to its outcome. */
export class Member {
  readonly group: Group
  readonly #host: MemberHost
  /** The permit for an attempt that has not begun. */
  #permit: Permit | undefined

  constructor(group: Group, host: MemberHost) {
    this.group = group
    this.#host = host
  }

  get key(): unknown {
    return this.group.key
  }

  /** The entry was taken out of the line, with this permit. */
  enter(permit: Permit): void {
    this.#permit = permit
  }

  /** The attempt begins. Returns the permit, which is released when the attempt runs no more. */
  takePermit(): Permit {
    // A reader may call a task that has been put back into the line.
    const permit = this.#permit ?? this.#host.enterAnyway(this)
    this.#permit = undefined
    this.group.refusals = 0
    return permit
  }

  /**
   * Takes a permit for another attempt, unless the member has a permit already.
   *
   * @param onAvailable Called once when there may be a permit, if there is none now. No permit is held until then.
   * @throws The error that the group's governor throws.
   */
  tryEnter(onAvailable: () => void): boolean {
    this.#permit ??= this.#host.tryEnter(this, onAvailable)
    return this.#permit !== undefined
  }

  /** The attempt does not begin now: gives back its permit. */
  leave(): void {
    const permit = this.#permit
    this.#permit = undefined
    permit?.release(unused)
  }

  /** The entry was called, or will never be called. */
  stopsWaiting(): void {
    this.group.waiting--
  }

  /** The entry was counted as called, but was not called. */
  waitsAgain(): void {
    this.group.waiting++
  }

  /** The outcome of the entry is known. */
  settled(): void {
    this.leave()
    this.#host.settled(this)
  }
}

/**
 * A line like {@link PriorityQueue} whose entries also need the permission of their group. Pushing, taking and removing
 * cost O(log p) with p different waiting priorities, whatever the number of groups and entries: only groups that may
 * start an entry stand in the line of turns.
 */
export class Groups<E extends GroupEntry> implements MemberHost {
  readonly #rules: GroupRules
  readonly #host: GroupsHost<E>
  readonly #groups = new Map<unknown, Group>()
  /** The entries without a group: they take turns like one group that is always free. */
  readonly #ungrouped = new Group(undefined, Infinity, undefined)
  readonly #turns = new PriorityQueue<Turn>()
  #size = 0
  /** Groups without members whose governors are not idle. */
  readonly #lingering = new Set<Group>()
  /** Groups with room whose members that wait for another attempt are told a microtask later. */
  readonly #freed = new Set<Group>()

  constructor(rules: GroupRules, host: GroupsHost<E>) {
    this.#rules = rules
    this.#host = host
  }

  /** How many entries wait, whether they may start or not. */
  get size(): number {
    return this.#size
  }

  /** Whether any entry may start. */
  get isReady(): boolean {
    return this.#turns.size > 0
  }

  /** Whether the group may take no more waiting entries. */
  isFull(key: unknown): boolean {
    return (this.#groups.get(key)?.waiting ?? 0) >= this.#rules.capacity
  }

  /**
   * Creates the membership of a new entry.
   *
   * @throws The error of the functions `limit` and `governor`, or an error if they return a wrong value.
   */
  join(key: unknown): Member {
    let group = this.#groups.get(key)
    if (group === undefined) {
      const {limitOf, governorOf} = this.#rules
      group = new Group(key, limitOf(key), governorOf?.(key))
      this.#groups.set(key, group)
      this.#forgetSome()
    }
    this.#lingering.delete(group)
    group.members++
    group.waiting++
    return new Member(group, this)
  }

  /** Puts an entry behind the entries of the same group and priority. */
  push(entry: E): void {
    const group = this.#groupOf(entry)
    group.line.push(entry)
    this.#size++
    this.#update(group)
  }

  /** Puts an entry back where it stood before `shift`. The next turn belongs to its group. */
  putBack(entry: E): void {
    const group = this.#groupOf(entry)
    group.line.putBack(entry)
    this.#size++
    this.#dropTurn(group)
    entry.member?.leave()
    this.#dropTurn(group)
    this.#update(group, true)
  }

  /**
   * Takes the entry whose turn it is, with a permit of its group; `undefined` if none may start, or if that takes longer
   * to find out: `ready` is called then.
   */
  shift(): E | undefined {
    // A governor that is asked may end the last reader.
    for (let left = mostAsked; this.#host.isRead(); left--) {
      if (left === 0) {
        nextTurn(() => this.#host.ready())
        return undefined
      }
      const turn = this.#turns.shift()
      if (turn === undefined) return undefined
      turn.group.turn = undefined
      const entry = this.#takeFirst(turn.group)
      if (entry !== undefined) return entry
    }
    return undefined
  }

  /** Takes the first entry of a group, out of turn, with a permit of the group; `undefined` if it may not start now. */
  takeFirstOf(entry: E): E | undefined {
    const group = this.#groupOf(entry)
    if (group.turn === undefined) return undefined
    this.#dropTurn(group)
    return this.#takeFirst(group)
  }

  /** Returns `undefined` if the group must wait for its governor, or if the governor has failed for the entry. */
  #takeFirst(group: Group): E | undefined {
    let permit: Permit | undefined
    try {
      permit = this.#enter(group)
    } catch (cause) {
      const entry = this.#shift(group)
      if (entry !== undefined) this.#host.failed(entry, cause)
      return undefined
    }
    if (permit === undefined) {
      this.#update(group)
      return undefined
    }
    const entry = this.#shift(group)
    if (entry?.member === undefined)
      permit.release(unused) // the governor has taken the entry out of the line
    else entry.member.enter(permit)
    return entry
  }

  #shift(group: Group): E | undefined {
    const entry = group.line.shift() as E | undefined
    if (entry !== undefined) this.#size--
    this.#update(group)
    return entry
  }

  /** Takes account of an entry that stopped waiting for good. */
  remove(entry: E): void {
    const group = this.#groupOf(entry)
    group.line.remove(entry)
    this.#size--
    this.#update(group)
  }

  /** Nobody takes entries any more: ends the waits for governors. The next reader asks the governors again. */
  endWaits(): void {
    for (const group of this.#groups.values()) this.#update(group)
  }

  /**
   * Takes out all entries, as lines that nothing else reads any more. The groups stay known, and still count their running
   * entries. Waits for governors end when those entries are settled.
   */
  clear(): Array<Pick<PriorityQueue<E>, 'shift' | 'size'>> {
    this.#size = 0
    const waiting = this.#all.filter(({line}) => line.size > 0)
    return waiting.map((group) => {
      const {line} = group
      group.waiting -= line.size
      group.line = new PriorityQueue()
      this.#dropTurn(group)
      return line as PriorityQueue<Waiting> as PriorityQueue<E>
    })
  }

  get #all(): Group[] {
    return [this.#ungrouped, ...this.#groups.values()]
  }

  /** All waiting entries, by groups. They stay in the line. */
  *[Symbol.iterator](): Generator<E, void, undefined> {
    for (const {line} of this.#all) yield* line as Iterable<E>
  }

  // For members

  /** Counts a member as running even if its group has no room. */
  enterAnyway({group}: Member): Permit {
    const permit = this.#place(group, group.governor?.tryAcquire({}) ?? freePermit)
    this.#update(group)
    return permit
  }

  tryEnter(member: Member, onAvailable: () => void): Permit | undefined {
    const {group} = member
    const permit = group.hasRoom ? this.#enter(group) : undefined
    if (permit === undefined) group.retries.set(member, onAvailable)
    this.#update(group)
    return permit
  }

  settled(member: Member): void {
    const {group} = member
    group.members--
    group.retries.delete(member)
    this.#update(group)
    this.#forget(group)
  }

  /** Takes a permit of a group and its governor; `undefined` if the governor gives none now. */
  #enter(group: Group): Permit | undefined {
    if (group === this.#ungrouped) return freePermit
    const {governor, failure, offered} = group
    group.failure = group.offered = undefined
    if (failure !== undefined) throw failure.cause
    if (governor === undefined) return this.#place(group, freePermit)
    // A governor that is not written in TypeScript may refuse with `null`.
    const given = offered ?? governor.tryAcquire({}) ?? undefined
    if (given !== undefined) return this.#place(group, given)
    this.#wait(group, governor)
    return undefined
  }

  /** Counts an entry as running until the returned permit is released, which happens once. */
  #place(group: Group, given: Permit): Permit {
    const error = permitError(given)
    if (error !== undefined) throw error
    group.running++
    return {
      release: (outcome) => {
        group.running--
        releasePermit(given, outcome)
        this.#freedPlace(group)
      },
    }
  }

  #freedPlace(group: Group): void {
    if (group.retries.size > 0 && group.hasRoom) this.#tellRetries(group)
    const hadTurn = group.turn !== undefined
    this.#update(group)
    if (!hadTurn && group.turn !== undefined) this.#host.ready()
    this.#forget(group)
  }

  /** Asks the governor to tell when there is a permit. */
  #wait(group: Group, governor: GroupGovernor): void {
    const hold = new AbortController()
    group.hold = hold
    if (group.refusals++ < mostRefusals) this.#ask(group, governor, hold)
    // Several groups that refuse a permit in turn must not pass it around for ever within one turn of the event loop.
    else nextTurn(() => this.#ask(group, governor, hold))
  }

  #ask(group: Group, governor: GroupGovernor, hold: AbortController): void {
    const isOver = (): boolean => group.hold !== hold
    if (isOver()) return
    const refused = (cause: unknown): void => {
      if (!isOver()) this.#answered(group, undefined, {cause})
    }
    const given = (permit: Permit): void => {
      const error = permitError(permit)
      if (error !== undefined) refused(error)
      else if (isOver()) releasePermit(permit, unused)
      else this.#answered(group, permit, undefined)
    }
    try {
      const answer = governor.acquire({signal: hold.signal})
      whenSettled(answer, given, refused)
    } catch (cause) {
      whenSettled(undefined, () => refused(cause), refused)
    }
  }

  #answered(group: Group, permit: Permit | undefined, failure: {readonly cause: unknown} | undefined): void {
    group.hold = undefined
    group.offered = permit
    group.failure = failure
    this.#serveRetries(group)
    this.#update(group)
    this.#host.offered()
    group.failure = undefined
    const left = group.offered
    group.offered = undefined
    if (left !== undefined) releasePermit(left, unused)
    this.#update(group)
  }

  /** Tells them a microtask later: the task that released its place has not finished with that yet. */
  #tellRetries(group: Group): void {
    if (this.#freed.size === 0) void Promise.resolve().then(this.#serveFreed)
    this.#freed.add(group)
  }

  readonly #serveFreed = (): void => {
    const freed = [...this.#freed]
    this.#freed.clear()
    for (const group of freed) {
      this.#serveRetries(group)
      this.#update(group)
    }
    this.#host.ready()
  }

  #serveRetries(group: Group): void {
    for (const [member, onAvailable] of group.retries) {
      if (!group.hasRoom) return
      group.retries.delete(member)
      onAvailable()
    }
  }

  // Turns

  #groupOf(entry: E): Group {
    return entry.member?.group ?? this.#ungrouped
  }

  /**
   * Keeps a turn for the group while it may start an entry. The turn has the priority of the group's first entry.
   *
   * @param isNext Whether a new turn comes before all others of its priority.
   */
  #update(group: Group, isNext = false): void {
    const {hold, line, retries, turn} = group
    if (hold !== undefined && retries.size === 0 && (line.size === 0 || !this.#host.isRead())) {
      group.hold = undefined
      hold.abort()
    }
    const priority = group.hasRoom && retries.size === 0 ? line.top : undefined
    if (turn?.priority === priority) return
    this.#dropTurn(group)
    if (priority === undefined) return
    group.turn = new Turn(group, priority)
    if (isNext) this.#turns.putBack(group.turn)
    else this.#turns.push(group.turn)
  }

  #dropTurn(group: Group): void {
    const {turn} = group
    if (turn === undefined) return
    group.turn = undefined
    turn.isWaiting = false
    this.#turns.remove(turn)
  }

  // Forgetting

  #forget(group: Group): void {
    if (group.members > 0 || group.running > 0) return
    if (isForgettable(group)) this.#drop(group)
    else this.#lingering.add(group)
    this.#forgetSome()
  }

  #drop(group: Group): void {
    this.#lingering.delete(group)
    // While the host was told that a place is free, the group may have been forgotten and have come again.
    if (this.#groups.get(group.key) === group) this.#groups.delete(group.key)
  }

  /** Checks a few of the lingering groups again. */
  #forgetSome(): void {
    let left = lookedAt
    for (const group of this.#lingering) {
      if (left-- === 0) return
      this.#lingering.delete(group)
      if (isForgettable(group)) this.#drop(group)
      else this.#lingering.add(group) // behind the other lingering groups
    }
  }
}

/** Whether nothing is lost if a group without members is forgotten. */
function isForgettable({governor}: Group): boolean {
  try {
    return governor === undefined || governor.isIdle === true
  } catch (error) {
    reportUncaught(error)
    return false
  }
}
