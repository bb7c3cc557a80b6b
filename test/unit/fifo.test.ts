import test from 'ava'
import * as fc from 'fast-check'
import {Fifo} from '../../src/fifo.js'
import {withProperty} from './globals.js'

function drained<V>(fifo: Fifo<V>): V[] {
  const items: V[] = []
  for (let item = fifo.shift(); item !== undefined; item = fifo.shift()) items.push(item)
  return items
}

test('a new line is empty', (t) => {
  const fifo = new Fifo<number>()
  t.is(fifo.size, 0)
  t.is(fifo.shift(), undefined)
  t.is(fifo.size, 0)
})

test('what came first leaves first', (t) => {
  const fifo = new Fifo<string>()
  for (const item of ['a', 'b', 'c']) fifo.push(item)
  t.deepEqual(drained(fifo), ['a', 'b', 'c'])
})

test('the size counts what is in the line', (t) => {
  const fifo = new Fifo<string>()
  fifo.push('a')
  fifo.push('b')
  t.is(fifo.size, 2)
  fifo.shift()
  t.is(fifo.size, 1)
  fifo.shift()
  t.is(fifo.size, 0)
})

test('a line that ran empty can be used again', (t) => {
  const fifo = new Fifo<string>()
  fifo.push('a')
  t.deepEqual(drained(fifo), ['a'])
  fifo.push('b')
  t.deepEqual(drained(fifo), ['b'])
})

test('a long line keeps its order while the array behind it is cut', (t) => {
  const fifo = new Fifo<number>()
  const numbers = Array.from({length: 1000}, (_, number) => number)
  for (const number of numbers) fifo.push(number)
  t.deepEqual(drained(fifo), numbers)
  t.is(fifo.size, 0)
})

test('a line that grows while it shrinks keeps order and size', (t) => {
  const fifo = new Fifo<number>()
  const left: Array<number | undefined> = []
  for (let number = 0; number < 500; number++) {
    fifo.push(2 * number)
    fifo.push(2 * number + 1)
    left.push(fifo.shift())
    if (fifo.size !== number + 1) t.fail(`${fifo.size} in the line after ${number + 1} rounds`)
  }
  t.deepEqual(
    [...left, ...drained(fifo)],
    Array.from({length: 1000}, (_, number) => number),
  )
})

/** How many items a body copies from an array to a shorter one. */
function copiedDuring(body: () => void): number {
  let copied = 0
  const {slice} = Array.prototype
  function counting(this: unknown[], ...range: [start?: number, end?: number]): unknown[] {
    const part = slice.apply(this, range)
    copied += part.length
    return part
  }
  withProperty(Array.prototype, 'slice', counting, body)
  return copied
}

test('a line frees the places of items that have left, and moves each of the others once at most', (t) => {
  const fifo = new Fifo<number>()
  for (let item = 0; item < 4000; item++) fifo.push(item)
  const copied = copiedDuring(() => {
    for (let count = 0; count < 3000; count++) fifo.shift()
  })
  t.true(copied > 0)
  t.true(copied <= 4000, `${copied} were moved`)
  t.deepEqual(
    drained(fifo),
    Array.from({length: 1000}, (_, index) => 3000 + index),
  )
})

test('a line that always holds a few moves fewer than leave it', (t) => {
  const fifo = new Fifo<number>()
  for (let item = 0; item < 5; item++) fifo.push(item)
  const copied = copiedDuring(() => {
    for (let item = 0; item < 4000; item++) {
      fifo.push(item)
      fifo.shift()
    }
  })
  t.true(copied > 0)
  t.true(copied < 4000, `${copied} were moved`)
})

test('an item can be put in front of all others', (t) => {
  const fifo = new Fifo<string>()
  fifo.unshift('c')
  fifo.push('d')
  fifo.unshift('b')
  fifo.shift()
  fifo.unshift('a')
  t.is(fifo.size, 3)
  t.deepEqual(drained(fifo), ['a', 'c', 'd'])
})

test('peek gives the oldest item, which stays; undefined if there is none', (t) => {
  const fifo = new Fifo<string>()
  t.is(fifo.peek(), undefined)
  fifo.push('a')
  fifo.push('b')
  t.is(fifo.peek(), 'a')
  t.is(fifo.size, 2)
  fifo.shift()
  t.is(fifo.peek(), 'b')
})

test('iterating gives all items, the oldest first, and takes none', (t) => {
  const fifo = new Fifo<string | undefined>()
  for (const item of ['a', undefined, 'c', 'd']) fifo.push(item)
  fifo.shift()
  t.deepEqual([...fifo], [undefined, 'c', 'd'])
  t.is(fifo.size, 3)
})

test('any order of calls does what it would do to an array', (t) => {
  const call = fc.constantFrom('push', 'push', 'shift', 'shift', 'shift', 'unshift')
  const sequence = fc.array(call, {maxLength: 400, size: 'max'})
  fc.assert(
    fc.property(fc.nat({max: 200}), sequence, (prefilled, calls) => {
      const fifo = new Fifo<number>()
      const model: number[] = []
      let number = 0
      for (; number < prefilled; number++) {
        fifo.push(number)
        model.push(number)
      }
      for (const name of calls) {
        number++
        if (name === 'shift') t.is(fifo.shift(), model.shift())
        else {
          fifo[name](number)
          model[name](number)
        }
        t.is(fifo.size, model.length)
        t.is(fifo.peek(), model[0])
      }
      t.deepEqual([...fifo], model)
    }),
    {seed: 1, numRuns: 50},
  )
})
