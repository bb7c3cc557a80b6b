import test from 'ava'
import {type Level, Priorities, type Ranked} from '../../src/priorities.js'

class Item implements Ranked {
  order = 0
  previous: this | undefined
  next: this | undefined
  level: Level<this> | undefined
  readonly priority: number
  readonly name: string

  constructor(priority: number, name = String(priority)) {
    this.priority = priority
    this.name = name
  }
}

function line(...items: Item[]): Priorities<Item> {
  const priorities = new Priorities<Item>()
  for (const item of items) priorities.push(item)
  return priorities
}

function drained(priorities: Priorities<Item>): string {
  let names = ''
  for (let item = priorities.shift(); item; item = priorities.shift()) names += `${item.name} `
  return names.trim()
}

// Order

test('a new line is empty', (t) => {
  const priorities = line()
  t.is(priorities.size, 0)
  t.is(priorities.shift(), undefined)
  t.is(priorities.size, 0)
})

test('within one priority, what came first leaves first', (t) => {
  t.is(drained(line(new Item(0, 'a'), new Item(0, 'b'), new Item(0, 'c'))), 'a b c')
})

test('a higher priority leaves before a lower one, whenever it came', (t) => {
  const numbers = [0, -1, 5, Infinity, 0.5, -Infinity, 4]
  t.is(drained(line(...numbers.map((number) => new Item(number)))), 'Infinity 5 4 0.5 0 -1 -Infinity')
})

test('a priority of -0 is one of 0', (t) => {
  t.is(drained(line(new Item(0, 'a'), new Item(-0, 'b'), new Item(0, 'c'))), 'a b c')
})

test('a priority that has run empty can be used again', (t) => {
  const priorities = line(new Item(1, 'a'), new Item(0, 'b'))
  t.is(priorities.shift()?.name, 'a')
  priorities.push(new Item(1, 'c'))
  t.is(drained(priorities), 'c b')
  priorities.push(new Item(1, 'd'))
  t.is(drained(priorities), 'd')
})

test('the size counts what waits', (t) => {
  const a = new Item(1, 'a')
  const priorities = line(a, new Item(2, 'b'), new Item(2, 'c'))
  t.is(priorities.size, 3)
  priorities.shift()
  t.is(priorities.size, 2)
  priorities.remove(a)
  t.is(priorities.size, 1)
  priorities.putBack(a)
  t.is(priorities.size, 2)
})

// Leaving and coming back

for (const [which, left] of [
  ['the first', 'b c'],
  ['one in the middle', 'a c'],
  ['the last', 'a b'],
] as const) {
  test(`${which} of its priority can be taken out`, (t) => {
    const items = ['a', 'b', 'c'].map((name) => new Item(0, name))
    const priorities = line(...items)
    const gone = items.find(({name}) => !left.includes(name))
    t.true(gone && priorities.remove(gone))
    t.is(drained(priorities), left)
  })
}

test('what does not wait cannot be taken out', (t) => {
  const a = new Item(0, 'a')
  const priorities = line(a)
  t.false(priorities.remove(new Item(0, 'b')))
  t.true(priorities.remove(a))
  t.false(priorities.remove(a))
  t.is(priorities.size, 0)
})

test('what has left holds on to nobody', (t) => {
  const items = ['a', 'b', 'c'].map((name) => new Item(0, name))
  const priorities = line(...items)
  const [, b] = items
  t.true(b && priorities.remove(b))
  t.deepEqual([b?.previous, b?.next, b?.level], [undefined, undefined, undefined])
})

test('the level of a priority nobody waits at is dropped', (t) => {
  const a = new Item(0, 'a')
  const priorities = line(a, new Item(1, 'b'))
  const {level} = a
  priorities.remove(a)
  priorities.push(a)
  t.not(a.level, level)
  t.is(drained(priorities), 'b a')
})

test('what is put back goes before all of its priority that came later, and behind higher ones', (t) => {
  const priorities = line(new Item(0, 'a'), new Item(0, 'b'), new Item(-1, 'c'))
  const a = priorities.shift()
  priorities.push(new Item(1, 'd'))
  if (a) priorities.putBack(a)
  t.is(drained(priorities), 'd a b c')
})

for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
  test(`three that were taken and are put back as ${order} stand as they stood`, (t) => {
    const priorities = line(...['a', 'b', 'c', 'd'].map((name) => new Item(0, name)))
    const taken = new Map(['a', 'b', 'c'].map((name) => [name, priorities.shift()]))
    for (const name of order) {
      const item = taken.get(name)
      if (item) priorities.putBack(item)
    }
    t.is(drained(priorities), 'a b c d')
  })
}

test('what is put back into an empty line is its first and last', (t) => {
  const priorities = line(new Item(0, 'a'))
  const a = priorities.shift()
  if (a) priorities.putBack(a)
  priorities.push(new Item(0, 'b'))
  t.is(drained(priorities), 'a b')
})

// Against a model

/** Numbers from 0 up to 1, the same ones for the same seed. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** The same by sorting. */
class Model {
  readonly waiting: Item[] = []

  add(item: Item): void {
    this.waiting.push(item)
    this.waiting.sort((a, b) => (a.priority === b.priority ? Number(a.name) - Number(b.name) : b.priority - a.priority))
  }

  remove(item: Item): boolean {
    const at = this.waiting.indexOf(item)
    if (at !== -1) this.waiting.splice(at, 1)
    return at !== -1
  }
}

for (const [seed, range] of [
  [1, 1],
  [2, 3],
  [3, 10],
  [4, 60],
  [5, 1000],
  [6, 1e9],
] as const) {
  test(`5000 random steps with up to ${range} priorities go as in a sorted array (seed ${seed})`, (t) => {
    const next = random(seed)
    const pick = <V>(from: readonly V[]): V | undefined => from[Math.floor(next() * from.length)]
    const priorities = new Priorities<Item>()
    const model = new Model()
    const taken: Item[] = []
    let wrong = 0
    for (let step = 0; step < 5000; step++) {
      const choice = next()
      if (choice < 0.45) {
        const item = new Item(Math.floor(next() * range) - Math.floor(range / 2), String(step))
        priorities.push(item)
        model.add(item)
      } else if (choice < 0.7) {
        const item = priorities.shift()
        if (item !== model.waiting.shift()) wrong++
        if (item) taken.push(item)
      } else if (choice < 0.8) {
        const item = pick(taken)
        if (!item || item.level) continue
        priorities.putBack(item)
        model.add(item)
      } else {
        const item = pick(choice < 0.95 ? model.waiting : taken)
        if (item && priorities.remove(item) !== model.remove(item)) wrong++
      }
      if (priorities.size !== model.waiting.length) wrong++
    }
    t.is(wrong, 0)
    t.is(drained(priorities), model.waiting.map(({name}) => name).join(' '))
    t.is(priorities.size, 0)
  })
}

// Cost, counted and not timed

/** Counts how often its links and its place are looked at. */
class Counted implements Ranked {
  static visits = 0
  readonly priority: number
  order = 0
  #previous: this | undefined
  #next: this | undefined
  level: Level<this> | undefined

  constructor(priority: number) {
    this.priority = priority
  }

  get previous(): this | undefined {
    Counted.visits++
    return this.#previous
  }

  set previous(previous: this | undefined) {
    Counted.visits++
    this.#previous = previous
  }

  get next(): this | undefined {
    Counted.visits++
    return this.#next
  }

  set next(next: this | undefined) {
    Counted.visits++
    this.#next = next
  }
}

/** What `body` costs. */
function visits(body: () => void): number {
  Counted.visits = 0
  body()
  return Counted.visits
}

const shown = (count: number): string => count.toLocaleString('en')
/** Levels of a heap of so many. */
const depthOf = (count: number): number => Math.ceil(Math.log2(count))

const sameCost = test.macro({
  title: (_, count: number) => `with ${shown(count)} of one priority waiting, each step looks at a handful of entries`,
  exec: (t, count: number) => {
    const priorities = new Priorities<Counted>()
    const entries = Array.from({length: count}, () => new Counted(0))
    t.true(visits(() => entries.forEach((entry) => priorities.push(entry))) <= 4 * count)
    const middle = entries[count / 2]
    t.true(visits(() => middle && priorities.remove(middle)) <= 8)
    t.true(visits(() => middle && priorities.push(middle)) <= 8)
    let first: Counted | undefined
    t.true(visits(() => (first = priorities.shift())) <= 8)
    t.true(visits(() => first && priorities.putBack(first)) <= 8)
    t.true(visits(() => void Array.from({length: count}, () => priorities.shift())) <= 8 * count)
    t.is(priorities.size, 0)
  },
})

const logarithmicCost = test.macro({
  title: (_, count: number) =>
    `with ${shown(count)} different priorities waiting, each step compares some ${depthOf(count)} pairs`,
  exec: (t, count: number) => {
    const most = depthOf(count) + 1

    let looks = 0
    // In place of a number, what counts each time that it is compared.
    const counting = (value: number): number => {
      const priority: object = {
        valueOf: () => {
          looks++
          return value
        },
      }
      return priority as unknown as number
    }
    const priorities = new Priorities<Item>()
    for (let number = 0; number < count - 1000; number++) priorities.push(new Item(number, ''))
    for (let number = 0; number < 1000; number++) {
      looks = 0
      priorities.push(new Item(counting(count + number), '')) // to the very top
      if (looks > 2 * most) t.fail(`${looks} looks for push ${number}`)
    }
    t.is(priorities.size, count)
    for (let number = 0; number < 1000; number++) {
      looks = 0
      priorities.shift()
      if (looks > 4 * most) t.fail(`${looks} looks for shift ${number}`)
    }
    t.is(priorities.size, count - 1000)
  },
})

// Fewer than a million too, for `npm run mutation`, which cannot wait for a million each time.
for (const count of [10_000, 1_000_000]) {
  test(sameCost, count)
  test(logarithmicCost, count)
}
