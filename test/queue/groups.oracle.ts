/** Judges the groups of a queue beside a model of what waits and runs: random pushes, runners, retries and ends. */
import {RateLimit, Semaphore} from '../../src/governors/index.js'
import {ConcurrentRunner, type Governor, type Permit, type PushOptions, TaskQueue} from '../../src/index.js'
import {assert} from '../governors/callers.js'
import {settled, type VirtualClock} from '../governors/virtual-clock.js'
import {Random} from '../helpers/random.js'

type TryGovernor = Governor & Required<Pick<Governor, 'tryAcquire'>>
/** How an attempt ends. `again` is an error that is tried again, where the runner retries. */
type End = 'ok' | 'final' | 'again'

/** A governor, and what the model knows of it. */
interface Supply {
  readonly governor: TryGovernor
  readonly hasRoom: () => boolean
  /** Tasks that have its permit, and others. */
  taken: number
  readonly started?: () => void
  /** It had no permit at some moment since all was last at rest: groups may wait for it though it has one now. */
  wasShort: boolean
}

/** All that is known of one key. */
interface Group {
  readonly key: unknown
  readonly limit: number
  supply: Supply | undefined
  readonly waiting: Task[]
  running: number
  /** Tasks that wait for another attempt, and tasks whose outcome was told while they ran. */
  readonly others: Set<Task>
  /** Since which start it might have started something of this priority. */
  ready: {readonly priority: number; readonly from: number} | undefined
  lastStart: number
  /** A task has settled of which the queue may not have heard yet. */
  isUnsure: boolean
  /** It had tasks since all was last at rest. */
  wasUsed: boolean
}

interface Task {
  readonly group: Group
  readonly priority: number
  readonly ends: End[]
  readonly isPrompt: boolean
  readonly controller: AbortController | undefined
  state: 'waiting' | 'running' | 'retrying' | 'late' | 'over'
  attempt: number
  server: Server | undefined
  end: ((end: End) => void) | undefined
  dueAt: number
  /** Its retry was due when all was last at rest. */
  isDue: boolean
  /** What has become of its push, and what should have. */
  told: string | undefined
  expected: string | undefined
}

interface Server {
  readonly runner: ConcurrentRunner<unknown, boolean>
  /** A runner over the queue, and not over what wraps it. */
  readonly isDirect: boolean
  readonly supply: Supply | undefined
  readonly hasRetries: boolean
  readonly delay: number
  isPaused: boolean
  isStopped: boolean
  running: number
  /** It could start something when all was last at rest. */
  wasFree: boolean
}

const keys = [undefined, 'a', 'b', 1, '1', NaN, 0, {}] as const

/** Hands its permits to those who wait one by one, each by a promise. */
class Foreign implements Governor {
  held = 0
  readonly #capacity: number
  readonly #line: Array<{resolve: (permit: Permit) => void; isGone: () => boolean}> = []

  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get isIdle(): boolean {
    return this.held === 0
  }

  tryAcquire(): Permit | undefined {
    return this.held < this.#capacity ? this.#permit() : undefined
  }

  acquire({signal}: {signal?: AbortSignal | undefined} = {}): Promise<Permit> {
    const permit = this.tryAcquire()
    if (permit !== undefined) return Promise.resolve(permit)
    return new Promise((resolve) => this.#line.push({resolve, isGone: () => signal?.aborted === true}))
  }

  #permit(): Permit {
    this.held++
    let isHeld = true
    return {
      release: () => {
        assert(isHeld, 'a permit is released once')
        isHeld = false
        this.held--
        while (this.#line.length > 0) {
          const next = this.#line.shift()
          if (next?.isGone() !== false) continue
          next.resolve(this.#permit())
          return
        }
      },
    }
  }
}

function semaphoreSupply(capacity: number): Supply {
  const supply: Supply = {
    governor: new Semaphore(capacity),
    hasRoom: () => supply.taken < capacity,
    taken: 0,
    wasShort: false,
  }
  return supply
}

function foreignSupply(capacity: number): Supply {
  const supply: Supply = {
    governor: new Foreign(capacity),
    hasRoom: () => supply.taken < capacity,
    taken: 0,
    wasShort: false,
  }
  return supply
}

function rateSupply(clock: VirtualClock, amount: number, per: number, starts: number[]): Supply {
  const inWindow = (): number => {
    while (starts[0] !== undefined && starts[0] <= clock.now - per) starts.shift()
    return starts.length
  }
  return {
    governor: new RateLimit({amount, per}),
    hasRoom: () => inWindow() < amount,
    taken: 0,
    wasShort: false,
    started: () => {
      starts.push(clock.now)
      assert(inWindow() <= amount, `${starts.length} of ${amount} starts within ${per} ms, of one group`)
    },
  }
}

/** Throws when a step is wrong. Gives the number of attempts. */
export async function checkGroups(clock: VirtualClock, seed: number, steps: number): Promise<number> {
  return new Check(clock, seed).run(steps)
}

class Check {
  readonly #clock: VirtualClock
  readonly #random: Random
  readonly #queue: TaskQueue
  readonly #capacity: number
  readonly #groupCapacity: number
  readonly #limitOf: ((key: unknown) => number) | undefined
  readonly #governors: 'none' | 'own' | 'shared' | 'rate' | 'foreign'
  readonly #shared: Supply
  readonly #perRunner: Supply | undefined
  readonly #groups = new Map<unknown, Group>()
  readonly #rateStarts = new Map<unknown, number[]>()
  readonly #servers: Server[] = []
  readonly #tasks = new Set<Task>()
  readonly #hasReader: boolean
  /** Permits of the shared governor that others than the queue hold. */
  readonly #outside: Permit[] = []
  #starts = 0
  #attempts = 0
  #limitCalls: unknown[] = []
  #failure: {readonly error: unknown} | undefined
  readonly #log: string[] = []

  constructor(clock: VirtualClock, seed: number) {
    const random = new Random(seed)
    this.#clock = clock
    this.#random = random
    this.#capacity = random.pick([Infinity, 25])
    this.#groupCapacity = random.pick([Infinity, 10, 4])
    this.#governors = random.pick(['none', 'none', 'own', 'shared', 'rate', 'foreign'])
    this.#shared = semaphoreSupply(random.integer(1, 4))
    this.#perRunner = random.chance(0.25) ? semaphoreSupply(random.integer(1, 3)) : undefined
    this.#hasReader = random.chance(0.15)
    const isLimited = random.chance(0.8)
    this.#limitOf = isLimited ? (key) => (typeof key === 'string' ? 1 : key === 1 ? Infinity : 2) : undefined
    this.#queue = new TaskQueue({
      capacity: this.#capacity,
      groups: {
        limit: (key: unknown) => {
          this.#limitCalls.push(key)
          return this.#limitOf?.(key) ?? Infinity
        },
        capacity: this.#groupCapacity,
        governor: this.#governors === 'none' ? undefined : (key) => this.#governorOf(key),
      },
    })
    for (let count = random.integer(1, 3); count > 0; count--) this.#serve()
  }

  async run(steps: number): Promise<number> {
    try {
      await this.#go(steps)
    } catch (error) {
      const log = this.#log.slice(-40).join('\n')
      throw new Error(`With governors: ${this.#governors}. What happened last:\n${log}`, {cause: error})
    }
    return this.#attempts
  }

  async #go(steps: number): Promise<void> {
    const random = this.#random
    for (let step = 0; step < steps; step++) {
      this.#step()
      if (random.chance(0.5)) await this.#rest()
      if (step % 8 === 0) this.#compareWaiting()
    }
    await this.#end()
  }

  #say(what: string, task?: Task): void {
    if (this.#log.length > 200) this.#log.splice(0, 100)
    const about = task === undefined ? '' : ` ${name(task.group.key)}, priority ${task.priority}, ${task.state}`
    this.#log.push(`${what}${about}`)
  }

  #step(): void {
    const random = this.#random
    switch (random.integer(0, 19)) {
      case 0:
        return this.#abortOne()
      case 1:
        return this.#removeSome()
      case 2:
        return this.#changeRunner()
      case 3:
        if (this.#governors === 'shared') this.#changeShared()
        return
      case 4:
      case 5:
      case 6:
      case 7:
      case 8:
      case 9:
      case 10:
        return this.#endOne()
      case 11:
        this.#burst()
        return
      default:
        if (this.#tasks.size < 60) this.#push()
    }
  }

  // What is done to the queue

  #burst(): void {
    const key = this.#random.pick(keys)
    for (let count = this.#random.integer(2, 6); count > 0; count--) if (this.#tasks.size < 60) this.#push(key)
  }

  #push(key: unknown = this.#random.pick(keys)): void {
    const random = this.#random
    const group = this.#groupOf(key)
    const isKnown = group.others.size + group.waiting.length + group.running > 0
    const mustBeKnown = isKnown || group.wasUsed
    const task: Task = {
      group,
      priority: random.pick([0, 0, 0, 0, 1, -1, Infinity]),
      ends: Array.from({length: 3}, () => random.pick<End>(['ok', 'ok', 'final', 'again', 'again'])),
      isPrompt: random.chance(0.2),
      controller: random.chance(0.2) ? new AbortController() : undefined,
      state: 'waiting',
      attempt: 0,
      server: undefined,
      end: undefined,
      dueAt: 0,
      isDue: false,
      told: undefined,
      expected: undefined,
    }
    const isFull =
      this.#waitingCount() >= this.#capacity || (key !== undefined && group.waiting.length >= this.#groupCapacity)
    const hasTimeout = !this.#hasReader && random.chance(0.1)
    const options: PushOptions = {
      group: key,
      priority: task.priority,
      signal: task.controller?.signal,
      item: task,
      timeout: hasTimeout ? 7 : undefined,
    }
    this.#limitCalls = []
    const pushed = this.#queue.push((context) => this.#called(task, context.attempt), options)
    const wasAsked = this.#limitCalls.length > 0
    if (isFull) {
      assert(!wasAsked, 'a push that is refused makes no group')
      task.state = 'over'
      task.expected = 'QuotaExceededError'
    } else {
      if (key === undefined) assert(!wasAsked, 'there is no limit without a group')
      else {
        if (wasAsked) assert(!isKnown, 'a group with tasks is not forgotten')
        else if (this.#governors === 'none') assert(mustBeKnown, 'an idle group is forgotten')
      }
      this.#say('push:', task)
      group.waiting.push(task)
      group.wasUsed = true
      this.#tasks.add(task)
    }
    this.#track()
    void this.#follow(task, pushed)
  }

  async #follow(task: Task, pushed: Promise<unknown>): Promise<void> {
    try {
      task.told = nameOf(await pushed)
    } catch (error) {
      task.told = nameOf(error)
    }
  }

  #abortOne(): void {
    const task = this.#any((each) => each.controller !== undefined && !each.controller.signal.aborted)
    if (task === undefined) return
    if (task.state === 'waiting') this.#leaves(task, 'left')
    else if (task.state === 'retrying') this.#gaveUp(task)
    task.controller?.abort('left')
    this.#track()
  }

  #removeSome(): void {
    const random = this.#random
    if (random.chance(0.1)) {
      for (const task of this.#tasks) if (task.state === 'waiting') this.#leaves(task, 'cleared')
      this.#queue.clear('cleared')
    } else {
      const key = random.pick(keys)
      const isOld = random.chance(0.5)
      const chosen = new Set(
        [...this.#tasks].filter(
          (task, place) => task.state === 'waiting' && Object.is(task.group.key, key) && (isOld || place % 2 === 0),
        ),
      )
      for (const task of chosen) this.#leaves(task, 'removed')
      const count = this.#queue.remove(({item}) => chosen.has(item as Task), 'removed')
      assert(count === chosen.size, `remove() takes out ${chosen.size} tasks, not ${count}`)
    }
    this.#track()
  }

  #changeRunner(): void {
    const random = this.#random
    const place = random.integer(0, this.#servers.length - 1)
    const server = this.#servers[place]
    if (server === undefined) return this.#serve()
    if (random.chance(0.2)) {
      this.#stops(server)
      this.#servers.splice(place, 1)
      if (random.chance(0.5)) void server.runner.stop()
      else server.runner.abort('stopped')
      if (this.#servers.length === 0) this.#serve()
    } else if (!server.isDirect) return
    else if (random.chance(0.5)) {
      server.isPaused = !server.isPaused
      if (server.isPaused) server.runner.pause()
      else server.runner.resume()
    } else server.runner.limit = random.integer(1, 5)
  }

  #changeShared(): void {
    const permit = this.#outside.pop()
    if (permit !== undefined) {
      this.#shared.taken--
      permit.release()
    } else {
      const taken = this.#shared.governor.tryAcquire()
      if (taken !== undefined && 'release' in taken) {
        this.#outside.push(taken)
        this.#shared.taken++
      }
    }
    this.#track()
  }

  #endOne(): void {
    const task = this.#any(({end}) => end !== undefined)
    const end = task?.end
    if (task === undefined || end === undefined) return
    task.end = undefined
    end(task.ends[task.attempt - 1] ?? 'ok')
  }

  #any(fits: (task: Task) => boolean): Task | undefined {
    const some = [...this.#tasks].filter(fits)
    return some[this.#random.integer(0, some.length - 1)]
  }

  // Runners

  #serve(): void {
    const random = this.#random
    const limit = random.integer(1, 5)
    const isDirect = !this.#hasReader || this.#servers.some((server) => !server.isDirect)
    const hasRetries = isDirect && random.chance(0.6)
    const delay = random.integer(0, 6)
    const supply = isDirect ? this.#perRunner : undefined
    const options = {
      limit,
      yieldExceptions: true,
      governor: supply?.governor,
      retry: hasRetries ? {attempts: 3, delay, when: ({error}: {error: unknown}) => error === 'again'} : undefined,
    }
    const runner: ConcurrentRunner<unknown, boolean> = isDirect
      ? new ConcurrentRunner(this.#queue, options)
      : ConcurrentRunner.map(this.#queue, (task, context) => (server.running++, task(context)), options)
    const server: Server = {
      runner,
      isDirect,
      supply,
      hasRetries,
      delay,
      isPaused: false,
      isStopped: false,
      running: 0,
      wasFree: false,
    }
    if (isDirect) {
      // Those of `#checkForgotten` have no item.
      const of = ({item}: {readonly item?: unknown}): Task | undefined => item as Task | undefined
      runner.on('start', (context) => {
        const task = of(context)
        if (task !== undefined) task.server = server
      })
      runner.on('retry', (context) => this.#waitsAgain(of(context), server))
      runner.on('result', (_, context) => this.#settles(of(context), 'ok'))
      runner.on('error', ({cause}, context) => this.#settles(of(context ?? {}), cause))
    } else {
      runner.on('result', () => server.running--)
      runner.on('error', (_, context) => {
        if (context !== undefined) server.running--
      })
    }
    runner.run().catch(() => {})
    this.#servers.push(server)
  }

  /** It pulls no more, and its retries end. */
  #stops(server: Server): void {
    server.isStopped = true
    for (const task of this.#tasks) if (task.state === 'retrying' && task.server === server) this.#gaveUp(task)
    this.#track()
  }

  // What the queue does

  #called(task: Task, attempt: number): unknown {
    try {
      this.#starting(task, attempt)
    } catch (error) {
      this.#failure ??= {error}
    }
    const end = task.ends[task.attempt - 1] ?? 'ok'
    if (task.isPrompt) return this.#outcome(task, end)
    return new Promise((resolve, reject) => {
      task.end = (how) => {
        try {
          resolve(this.#outcome(task, how))
        } catch (error) {
          reject(error)
        }
      }
    })
  }

  #outcome(task: Task, how: End): string {
    const {group, server} = task
    if (task.state === 'late' || server === undefined) {
      // Nothing tells when the queue has heard of it.
      this.#frees(task)
      unsure(group)
      if (task.state === 'late') {
        group.others.delete(task)
        task.state = 'over'
        this.#tasks.delete(task)
      } else this.#over(task, how === 'ok' ? 'ok' : how)
      this.#track()
    }
    if (how === 'ok') return 'ok'
    throw how
  }

  #starting(task: Task, attempt: number): void {
    const {group, server, state} = task
    this.#say(`attempt ${attempt} by ${server === undefined ? 'a reader' : this.#servers.indexOf(server)}:`, task)
    this.#attempts++
    assert(state === (attempt === 1 ? 'waiting' : 'retrying'), `attempt ${attempt} of a task that is ${state}`)
    assert(attempt === ++task.attempt, `attempt ${attempt} comes after ${task.attempt - 1}`)
    assert(group.running < group.limit, `${group.running + 1} of ${group.limit} run of one group`)
    assert(group.supply === undefined || group.supply.hasRoom(), 'a group has no more permits than its governor')
    if (server !== undefined) {
      assert(server.running < server.runner.limit, 'a runner has a slot for each task')
      assert(!server.isPaused, 'a paused runner starts nothing')
      assert(server.supply === undefined || server.supply.hasRoom(), 'a runner has no more permits than its governor')
    }
    if (attempt === 1) {
      this.#checkRetriesFirst(group, server)
      if (!this.#hasReader) this.#checkTurn(task)
      group.waiting.splice(group.waiting.indexOf(task), 1)
      group.lastStart = ++this.#starts
    } else group.others.delete(task)
    task.state = 'running'
    group.running++
    group.wasUsed = true
    if (server !== undefined) {
      server.running++
      if (server.supply !== undefined) server.supply.taken++
    }
    if (group.supply !== undefined) {
      group.supply.taken++
      group.supply.started?.()
    }
    this.#track()
  }

  /** Higher priorities first, first in first out within one of a group, and among equals groups take turns. */
  #checkTurn({group, priority}: Task): void {
    const first = group.waiting.reduce((best, each) => (each.priority > best.priority ? each : best))
    assert(first.priority === priority, 'the highest priority of a group goes first')
    for (const other of this.#groups.values()) {
      const {ready, lastStart} = other
      if (other === group || ready === undefined) continue
      assert(ready.priority <= priority, `priority ${ready.priority} goes before ${priority}`)
      if (ready.priority < priority || ready.from >= group.lastStart) continue
      assert(lastStart > group.lastStart, `${name(group.key)} has no second turn before ${name(other.key)} has one`)
    }
  }

  #checkRetriesFirst(group: Group, starter: Server | undefined): void {
    for (const task of group.others) {
      if (task.state !== 'retrying' || !task.isDue) continue
      const {server} = task
      if (server === undefined || server.supply !== undefined || server.isPaused || server.isStopped) continue
      const hasSlot = server.wasFree && server.running < server.runner.limit
      assert(!(server === starter || hasSlot), 'retries go first in their group')
    }
  }

  /** A runner tells the outcome of a task. */
  #settles(task: Task | undefined, how: unknown): void {
    if (task === undefined) return
    this.#say(`told ${String(how)}:`, task)
    if (task.state === 'running' && task.end !== undefined) {
      // Its outcome is told early, and it runs on.
      task.state = 'late'
      task.group.others.add(task)
      task.expected = nameOf(how)
      return
    }
    if (task.state === 'running') {
      if (how instanceof Error) unsure(task.group) // it has settled when its time was over, and nobody has heard
      this.#frees(task)
      this.#over(task, nameOf(how))
    }
    this.#track()
  }

  #waitsAgain(task: Task | undefined, server: Server): void {
    if (task === undefined) return
    this.#say('retry:', task)
    this.#frees(task)
    task.state = 'retrying'
    task.isDue = false
    task.dueAt = this.#clock.now + Math.max(1, server.delay)
    task.group.others.add(task)
    this.#track()
  }

  /** A task runs no more. */
  #frees({group, server}: Task): void {
    group.running--
    if (group.supply !== undefined) group.supply.taken--
    if (server === undefined) return
    server.running--
    if (server.supply !== undefined) server.supply.taken--
  }

  #leaves(task: Task, reason: string): void {
    this.#say(`${reason}:`, task)
    const {waiting} = task.group
    waiting.splice(waiting.indexOf(task), 1)
    this.#over(task, reason)
  }

  /** A task that waits for another attempt fails with its last error. */
  #gaveUp(task: Task): void {
    task.group.others.delete(task)
    this.#over(task, 'again')
  }

  #over(task: Task, expected: string): void {
    task.group.wasUsed = true
    task.state = 'over'
    task.expected = expected
    this.#tasks.delete(task)
    this.#finished.push(task)
  }

  #finished: Task[] = []

  // The model

  #groupOf(key: unknown): Group {
    let group = this.#groups.get(key)
    if (group === undefined) {
      group = {
        key,
        limit: key === undefined ? Infinity : (this.#limitOf?.(key) ?? Infinity),
        supply: undefined,
        waiting: [],
        running: 0,
        others: new Set(),
        ready: undefined,
        lastStart: 0,
        isUnsure: false,
        wasUsed: false,
      }
      this.#groups.set(key, group)
    }
    return group
  }

  #governorOf(key: unknown): TryGovernor {
    const group = this.#groupOf(key)
    const wasIdle = group.supply === undefined || group.supply === this.#shared || group.supply.governor.isIdle
    assert(wasIdle === true, 'a group keeps a governor in use')
    const starts = this.#rateStarts.get(key) ?? []
    this.#rateStarts.set(key, starts)
    if (this.#governors === 'shared') group.supply = this.#shared
    else if (this.#governors === 'rate') group.supply = rateSupply(this.#clock, 3, 20, starts)
    else if (this.#governors === 'foreign') group.supply = foreignSupply(2)
    else group.supply = semaphoreSupply(2)
    return group.supply.governor
  }

  #waitingCount(): number {
    let count = 0
    for (const {waiting} of this.#groups.values()) count += waiting.length
    return count
  }

  /** Notes which groups might start something, after each change. */
  #track(): void {
    for (const group of this.#groups.values()) {
      const {supply, ready} = group
      if (supply !== undefined && !supply.hasRoom()) supply.wasShort = true
      const priority = this.#isReady(group) ? topPriority(group) : undefined
      if (ready?.priority === priority) continue
      group.ready = priority === undefined ? undefined : {priority, from: this.#starts}
    }
  }

  #isReady(group: Group): boolean {
    const {supply, waiting, others, isUnsure} = group
    if (waiting.length === 0 || isUnsure || !this.#hasRoom(group) || supply?.wasShort === true) return false
    for (const {state} of others) if (state === 'retrying') return false
    return true
  }

  #hasRoom({running, limit, supply}: Group): boolean {
    return running < limit && supply?.hasRoom() !== false
  }

  // At rest

  async #rest(): Promise<void> {
    await this.#quiet()
    if (this.#random.chance(0.3)) {
      for (let ms = this.#random.integer(1, 5); ms > 0; ms--) {
        await this.#clock.advance(1)
        await this.#quiet()
      }
    }
  }

  async #quiet(): Promise<void> {
    this.#say(`rest at ${this.#clock.now}`)
    for (let turns = 0; turns < 3; turns++) await settled()
    if (this.#failure !== undefined) throw this.#failure.error
    for (const group of this.#groups.values()) {
      group.isUnsure = false
      group.wasUsed = group.waiting.length + group.running + group.others.size > 0
      if (group.supply?.hasRoom() === true) group.supply.wasShort = false
    }
    this.#track()
    this.#checkRest()
  }

  #checkRest(): void {
    const {now} = this.#clock
    for (const server of this.#servers) server.wasFree = canStart(server)
    const hasFree = this.#servers.some(({wasFree}) => wasFree)
    let [waiting, running] = [0, 0]
    for (const group of this.#groups.values()) {
      waiting += group.waiting.length
      running += group.running
      for (const task of group.others) {
        if (task.state !== 'retrying') continue
        running++
        task.isDue = task.dueAt <= now
        if (task.isDue && task.server?.wasFree === true) assert(!this.#hasRoom(group), 'a retry waits for nothing')
      }
      if (group.waiting.length > 0 && hasFree)
        assert(!this.#hasRoom(group), 'a group waits that has work and room, while a slot is free')
      const {supply} = group
      if (supply?.governor instanceof Foreign)
        assert(supply.governor.held === supply.taken, 'whoever waits holds no permit of a group')
      if (supply !== undefined && supply.taken === 0 && this.#governors !== 'rate')
        assert(supply.governor.isIdle === true, 'whoever waits holds no permit of a group')
    }
    assert(this.#queue.size === waiting, `${waiting} tasks wait, not ${this.#queue.size}`)
    assert(this.#queue.running === running, `${running} tasks run, not ${this.#queue.running}`)
    for (const {told, expected, state} of this.#finished) {
      assert(state === 'over' && told === expected, `a push has come to ${told}; expected ${expected}`)
    }
    this.#finished = []
    for (const {state, told} of this.#tasks) if (state !== 'late') assert(told === undefined, `told early: ${told}`)
  }

  #compareWaiting(): void {
    const all = [...this.#tasks].filter(({state}) => state === 'waiting') // by age
    const expected = all.sort((a, b) => (a.priority === b.priority ? 0 : b.priority - a.priority))
    const {waiting} = this.#queue
    assert(waiting.length === expected.length, 'waiting has all that waits')
    for (const [place, {item}] of waiting.entries())
      assert(item === expected[place], 'waiting is sorted by priority and then by age')
  }

  // In the end

  async #end(): Promise<void> {
    const queue = this.#queue
    for (const permit of this.#outside.splice(0)) {
      this.#shared.taken--
      permit.release()
    }
    for (const server of this.#servers) {
      if (!server.isPaused) continue
      server.isPaused = false
      server.runner.resume()
    }
    for (let rounds = 0; this.#tasks.size > 0; rounds++) {
      assert(rounds < 10_000, `${this.#tasks.size} tasks never end`)
      this.#endOne()
      await this.#clock.advance(1)
      await this.#quiet()
    }
    await this.#clock.advance(100)
    await this.#quiet()
    await queue.onIdle()
    assert(queue.size === 0 && queue.running === 0, 'the queue is empty')
    if (this.#governors !== 'none') await this.#checkForgotten()
    assert(this.#perRunner?.governor.isIdle !== false && this.#shared.governor.isIdle === true, 'nothing is held')
    queue.close()
    for (const {runner} of this.#servers) await runner.drained
    assert(this.#clock.timers === 0, `${this.#clock.timers} timers are left`)
  }

  /** Groups that come and go take those with them that could not be forgotten before. */
  async #checkForgotten(): Promise<void> {
    const queue = this.#queue
    const known = [...this.#groups.keys()].filter((key) => key !== undefined)
    for (let count = 0; count < keys.length; count++) {
      const other = {}
      const pushed = queue.push(() => 'ok', {group: other})
      await this.#clock.advance(50)
      await pushed
    }
    await this.#clock.advance(100)
    for (const key of known) {
      this.#limitCalls = []
      const pushed = queue.push(() => 'ok', {group: key})
      assert(this.#limitCalls.length === 1, 'a group whose governor is idle is forgotten')
      await this.#clock.advance(50)
      await pushed
    }
    await this.#clock.advance(100)
  }
}

/** The queue may not have heard yet of a task that has settled. */
function unsure(group: Group): void {
  group.isUnsure = true
  if (group.supply !== undefined) group.supply.wasShort = true
}

function nameOf(outcome: unknown): string {
  return outcome instanceof Error ? outcome.name : String(outcome)
}

function name(key: unknown): string {
  return typeof key === 'string' ? `'${key}'` : String(key)
}

function canStart({runner, isPaused, isStopped, running, supply}: Server): boolean {
  return !isPaused && !isStopped && running < runner.limit && supply?.hasRoom() !== false
}

function topPriority({waiting}: Group): number | undefined {
  let top: number | undefined
  for (const {priority} of waiting) if (top === undefined || priority > top) top = priority
  return top
}
