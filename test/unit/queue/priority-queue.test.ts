import test from 'ava'
import * as fc from 'fast-check'
import {PriorityQueue, type Waiting} from '../../../src/queue/priority-queue.js'

class Item implements Waiting {
  sequence = 0
  isWaiting = true
  next: this | undefined = undefined
  readonly priority: number
  readonly name: string

  constructor(priority: number, name = String(priority)) {
    this.priority = priority
    this.name = name
  }
}

let pushed = 0

/** Gives an entry its number, and puts it into the queue, as a caller does. */
function push<E extends Waiting & {sequence: number}>(queue: PriorityQueue<E>, entry: E): void {
  entry.sequence = pushed++
  queue.push(entry)
}

function queueOf(...items: Item[]): PriorityQueue<Item> {
  const queue = new PriorityQueue<Item>()
  for (const item of items) push(queue, item)
  return queue
}

const named = (...names: string[]): Item[] => names.map((name) => new Item(0, name))

/** Takes the next entry as a caller does, for whom it waits no longer. */
function take<E extends Waiting & {isWaiting: boolean}>(queue: PriorityQueue<E>): E | undefined {
  const entry = queue.shift()
  if (entry) entry.isWaiting = false
  return entry
}

function remove<E extends Waiting & {isWaiting: boolean}>(queue: PriorityQueue<E>, entry: E): void {
  entry.isWaiting = false
  queue.remove(entry)
}

function putBack<E extends Waiting & {isWaiting: boolean}>(queue: PriorityQueue<E>, entry: E): void {
  entry.isWaiting = true
  queue.putBack(entry)
}

function drained(queue: PriorityQueue<Item>): string {
  const names: string[] = []
  for (let item = take(queue); item; item = take(queue)) names.push(item.name)
  return names.join(' ')
}

// Order

test('a new queue is empty', (t) => {
  const queue = queueOf()
  t.is(queue.size, 0)
  t.is(queue.shift(), undefined)
  t.is(queue.size, 0)
  t.deepEqual([...queue], [])
})

test('within one priority, what came first leaves first', (t) => {
  t.is(drained(queueOf(...named('a', 'b', 'c'))), 'a b c')
})

test('a higher priority leaves before a lower one, whenever it came', (t) => {
  const numbers = [0, -1, 5, Infinity, 0.5, -Infinity, 4]
  t.is(drained(queueOf(...numbers.map((number) => new Item(number)))), 'Infinity 5 4 0.5 0 -1 -Infinity')
})

test('a priority of -0 is one of 0', (t) => {
  t.is(drained(queueOf(new Item(0, 'a'), new Item(-0, 'b'), new Item(0, 'c'))), 'a b c')
})

test('a priority that has run empty can be used again', (t) => {
  const queue = queueOf(new Item(1, 'a'), new Item(0, 'b'))
  t.is(take(queue)?.name, 'a')
  push(queue, new Item(1, 'c'))
  t.is(drained(queue), 'c b')
  push(queue, new Item(1, 'd'))
  t.is(drained(queue), 'd')
})

test('the size counts what waits', (t) => {
  const a = new Item(1, 'a')
  const queue = queueOf(a, new Item(2, 'b'), new Item(2, 'c'))
  t.is(queue.size, 3)
  take(queue)
  t.is(queue.size, 2)
  remove(queue, a)
  t.is(queue.size, 1)
})

// Removing

for (const [which, left] of [
  ['the first', 'b c'],
  ['one in the middle', 'a c'],
  ['the last', 'a b'],
] as const) {
  test(`${which} of its priority can be removed`, (t) => {
    const items = named('a', 'b', 'c')
    const queue = queueOf(...items)
    for (const item of items) if (!left.includes(item.name)) remove(queue, item)
    t.is(queue.size, 2)
    t.is(drained(queue), left)
  })
}

test('when all entries of a priority were removed, the next lower one has its turn', (t) => {
  const [a, b] = [new Item(1, 'a'), new Item(1, 'b')]
  const queue = queueOf(a, b, new Item(0, 'c'))
  remove(queue, a)
  remove(queue, b)
  t.is(queue.size, 1)
  t.is(drained(queue), 'c')
})

test('what is left of thousands of which most were removed leaves in order, and later pushes come behind', (t) => {
  const items = Array.from({length: 5000}, (_, number) => new Item(0, String(number)))
  const queue = queueOf(...items)
  const kept = items.filter((_, number) => number % 97 === 0)
  for (const item of items) if (!kept.includes(item)) remove(queue, item)
  push(queue, new Item(0, 'late'))
  t.is(queue.size, kept.length + 1)
  t.is(drained(queue), [...kept.map(({name}) => name), 'late'].join(' '))
})

// Putting back

test('what is put back goes before all of its priority that came later, and behind higher ones', (t) => {
  const queue = queueOf(new Item(0, 'a'), new Item(0, 'b'), new Item(-1, 'c'))
  const a = take(queue)
  push(queue, new Item(1, 'd'))
  if (a) putBack(queue, a)
  t.is(queue.size, 4)
  t.is(drained(queue), 'd a b c')
})

for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
  test(`three that were taken and are put back as ${order} stand as they stood`, (t) => {
    const queue = queueOf(...named('a', 'b', 'c', 'd'))
    const taken = new Map(['a', 'b', 'c'].map((name) => [name, take(queue)]))
    for (const name of order) {
      const item = taken.get(name)
      if (item) putBack(queue, item)
    }
    t.is(drained(queue), 'a b c d')
  })
}

test('the only entry of a priority can be put back after its priority ran empty', (t) => {
  const queue = queueOf(new Item(1, 'a'), new Item(0, 'b'))
  const a = take(queue)
  if (a) putBack(queue, a)
  t.is(drained(queue), 'a b')
})

// Iterating

test('iterating gives what waits, in the order in which it would leave, and takes nothing', (t) => {
  const items = [new Item(0, 'a'), new Item(2, 'b'), new Item(0, 'c'), new Item(1, 'd'), new Item(2, 'e')]
  const queue = queueOf(...items)
  const [a] = items
  if (a) remove(queue, a)
  t.deepEqual(
    [...queue].map(({name}) => name),
    ['b', 'e', 'd', 'c'],
  )
  t.is(queue.size, 4)
  t.is(drained(queue), 'b e d c')
})

// Against an oracle

type Step =
  | {readonly kind: 'push'; readonly priority: number}
  | {readonly kind: 'take'}
  | {readonly kind: 'put back'; readonly which: number}
  | {readonly kind: 'remove'; readonly which: number}
  | {readonly kind: 'remove many'; readonly each: number}

/** The same by sorting. */
class Oracle {
  #waiting: Item[] = []

  get waiting(): readonly Item[] {
    return this.#waiting
  }

  add(item: Item): void {
    this.#waiting.push(item)
    this.#waiting.sort((a, b) => b.priority - a.priority || Number(a.name) - Number(b.name))
  }

  drop(item: Item | undefined): void {
    this.#waiting = this.#waiting.filter((other) => other !== item)
  }
}

for (const range of [0, 2, 30, 1e9]) {
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 9,
      arbitrary: fc.record({kind: fc.constant('push' as const), priority: fc.integer({min: -range, max: range})}),
    },
    {weight: 5, arbitrary: fc.record({kind: fc.constant('take' as const)})},
    {weight: 3, arbitrary: fc.record({kind: fc.constant('put back' as const), which: fc.nat()})},
    {weight: 3, arbitrary: fc.record({kind: fc.constant('remove' as const), which: fc.nat()})},
    {weight: 1, arbitrary: fc.record({kind: fc.constant('remove many' as const), each: fc.integer({min: 2, max: 4})})},
  )
  test(`any order of calls with priorities from -${range} to ${range} does what sorting would`, (t) => {
    fc.assert(
      fc.property(fc.array(step, {maxLength: 300, size: 'max'}), (steps) => {
        const queue = new PriorityQueue<Item>()
        const oracle = new Oracle()
        const taken: Item[] = []
        for (const [number, action] of steps.entries()) {
          const pick = (items: readonly Item[], which: number): Item | undefined => items[which % items.length]
          if (action.kind === 'push') {
            const item = new Item(action.priority, String(number))
            push(queue, item)
            oracle.add(item)
          } else if (action.kind === 'take') {
            const item = take(queue)
            t.is(item, oracle.waiting[0])
            oracle.drop(item)
            if (item) taken.push(item)
          } else if (action.kind === 'put back') {
            const item = pick(taken, action.which)
            if (!item) continue
            taken.splice(taken.indexOf(item), 1)
            putBack(queue, item)
            oracle.add(item)
          } else {
            const {waiting} = oracle
            const gone =
              action.kind === 'remove' ? [pick(waiting, action.which)] : waiting.filter((_, at) => at % action.each > 0)
            for (const item of gone) {
              if (item) remove(queue, item)
              oracle.drop(item)
            }
          }
          t.is(queue.size, oracle.waiting.length)
          t.deepEqual(namesOf(queue), namesOf(oracle.waiting))
        }
        t.is(drained(queue), namesOf(oracle.waiting).join(' '))
        t.is(queue.size, 0)
      }),
      {seed: 1, numRuns: 40},
    )
  })
}

function namesOf(items: Iterable<Item>): string[] {
  return Array.from(items, ({name}) => name)
}

// Cost, counted and not timed

/** Counts how often it is asked whether it waits, and for its number. */
class Counted implements Waiting {
  next: this | undefined
  static looks = 0
  #sequence = 0
  readonly priority: number
  #isWaiting = true

  constructor(priority: number) {
    this.priority = priority
  }

  get sequence(): number {
    Counted.looks++
    return this.#sequence
  }

  set sequence(sequence: number) {
    this.#sequence = sequence
  }

  get isWaiting(): boolean {
    Counted.looks++
    return this.#isWaiting
  }

  set isWaiting(isWaiting: boolean) {
    this.#isWaiting = isWaiting
  }
}

function looks(body: () => void): number {
  Counted.looks = 0
  body()
  return Counted.looks
}

test('taking from 10,000 of one priority looks at each once, and removing them all at each twice at most', (t) => {
  const count = 10_000
  const entries = Array.from({length: count}, () => new Counted(0))
  const queue = new PriorityQueue<Counted>()
  const pushAll = (): void => {
    for (const entry of entries) {
      entry.isWaiting = true
      push(queue, entry)
    }
  }
  pushAll()
  t.is(
    looks(() => {
      while (queue.size > 0) take(queue)
    }),
    count,
  )
  pushAll()
  t.true(looks(() => entries.forEach((entry) => remove(queue, entry))) <= 2 * count)
  t.is(queue.size, 0)
})

test('putting 10,000 back, the newest first, looks at most at one other entry each time', (t) => {
  const queue = new PriorityQueue<Counted>()
  for (let number = 0; number < 10_000; number++) push(queue, new Counted(0))
  const taken = Array.from({length: 9999}, () => take(queue)).filter((entry) => entry !== undefined)
  const looked = looks(() => taken.toReversed().forEach((entry) => putBack(queue, entry)))
  t.true(looked > 0)
  t.true(looked <= 3 * taken.length, `${looked} looks`)
  t.is(queue.size, 10_000)
})

test('with 10,000 different priorities, each step compares some 14 pairs', (t) => {
  const count = 10_000
  const depth = Math.ceil(Math.log2(count)) + 1
  let compared = 0
  // In place of a number, what counts each time that it is compared.
  const counting = (value: number): number => {
    const priority: object = {
      valueOf: () => {
        compared++
        return value
      },
    }
    return priority as unknown as number
  }
  const queue = new PriorityQueue<Item>()
  const steps: number[] = []
  for (let number = 0; number < count - 1000; number++) push(queue, new Item(number, ''))
  for (let number = 0; number < 1000; number++) {
    compared = 0
    push(queue, new Item(counting(count + number), '')) // to the very top
    steps.push(compared)
  }
  t.true(Math.max(...steps) <= 2 * depth)
  t.true(Math.max(...steps) > 0)
  steps.length = 0
  for (let number = 0; number < 1000; number++) {
    compared = 0
    take(queue)
    steps.push(compared)
  }
  t.true(Math.max(...steps) <= 4 * depth)
  t.is(queue.size, count - 1000)
})
