import {runInNewContext} from 'node:vm'
import test from 'ava'
import {
  checkIterable,
  checkMethods,
  checkOptionalFunction,
  checkOptions,
  describe,
  isAsyncIterable,
  isThenable,
} from '../../src/checks.js'

// Options that do not exist

for (const [name, known, hint] of [
  ['concurrency', ['limit', 'ordered'], 'did you mean limit?'],
  ['concurrency', ['capacity'], 'there are capacity'],
  ['timeOut', ['limit', 'timeout'], 'did you mean timeout?'],
  ['limt', ['timeout', 'limit'], 'did you mean limit?'],
  ['abortSignal', ['limit', 'signal'], 'did you mean signal?'],
  ['colour', ['limit', 'signal'], 'there are limit, signal'],
  ['concurrencyLimit', ['limit'], 'did you mean limit?'],
  ['maxConcurrency', ['limit'], 'did you mean limit?'],
  ['maxConcurrent', ['limit'], 'did you mean limit?'],
  ['parallelism', ['limit'], 'did you mean limit?'],
  ['backpressure', ['highWaterMark'], 'did you mean highWaterMark?'],
  ['bufferSize', ['highWaterMark'], 'did you mean highWaterMark?'],
  ['preserveOrder', ['ordered'], 'did you mean ordered?'],
  ['maxSize', ['capacity'], 'did you mean capacity?'],
  ['lim', ['limit'], 'did you mean limit?'],
  ['l', ['limit'], 'there are limit'],
  ['limitxyz', ['limit'], 'there are limit'],
  ['grou', ['groups', 'group'], 'did you mean group?'],
  ['li', ['limit'], 'there are limit'],
  ['waterMark', ['highWaterMark'], 'did you mean highWaterMark?'],
  ['terMark', ['highWaterMark'], 'there are highWaterMark'],
  ['retries', ['limit', 'retry'], 'did you mean retry?'],
  ['attempts', ['limit', 'retry'], 'did you mean retry?'],
  ['limit', ['amount', 'per'], 'did you mean amount?'],
  ['interval', ['amount', 'per'], 'did you mean per?'],
  ['stopOnError', ['limit', 'yieldExceptions'], 'did you mean yieldExceptions?'],
] as const)
  test(`the option ${name} is refused where there are ${known.join(' and ')}: ${hint}`, (t) => {
    t.throws(() => checkOptions({[name]: 1}, known), {
      instanceOf: TypeError,
      message: `There is no option ${name}: ${hint}`,
    })
  })

test('an option that does not exist is let pass if it is undefined, or if the object has inherited it', (t) => {
  t.notThrows(() => checkOptions({concurrency: undefined}, ['limit']))
  t.notThrows(() => checkOptions(Object.create({concurrency: 1}) as object, ['limit']))
})

// What can be read

test('what a function returns may not be a function again', (t) => {
  t.throws(() => checkIterable('it', () => [], 'an iterable'), {message: /^it must be an iterable; got a function$/})
})

test('an async iterable is what has a function under Symbol.asyncIterator', (t) => {
  t.true(isAsyncIterable((async function* () {})()))
  t.false(isAsyncIterable([]))
  t.false(isAsyncIterable({[Symbol.asyncIterator]: undefined}))
})

// What a thenable is

// oxlint-disable-next-line unicorn/no-thenable -- that is what it is
const aThenable = {then: (): void => {}}

for (const [title, value, expected] of [
  ['a promise', Promise.resolve(), true],
  ['a promise of another realm', runInNewContext('Promise.resolve()'), true],
  ['an object with a then()', aThenable, true],
  ['a function with a then()', Object.assign(() => {}, aThenable), true],
  ['a plain function', () => {}, false],
  ['an object whose then is no function', {then: 5}, false], // oxlint-disable-line unicorn/no-thenable -- that is the case
  ['an object', {}, false],
  ['null', null, false],
  ['undefined', undefined, false],
  ['a string', 'then', false],
] as ReadonlyArray<readonly [string, unknown, boolean]>)
  test(`${title} is ${expected ? 'a' : 'no'} thenable`, (t) => {
    t.is(isThenable(value), expected)
  })

// How a value is described

class Animal {
  readonly legs = 4
}
const revoked = Proxy.revocable({}, {})
revoked.revoke()
const revokedFunction = Proxy.revocable(() => {}, {})
revokedFunction.revoke()

const descriptions: ReadonlyArray<readonly [title: string, value: unknown, description: string]> = [
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a boolean', true, 'true'],
  ['a number', 1.5, '1.5'],
  ['not a number', Number.NaN, 'NaN'],
  ['a bigint', 5n, '5n'],
  ['a symbol', Symbol('here'), 'Symbol(here)'],
  ['a string', 'two "words"', String.raw`"two \"words\""`],
  ['an empty string', '', '""'],
  ['a string of 60 characters', 'x'.repeat(60), `"${'x'.repeat(60)}"`],
  ['a long string, which is cut', 'x'.repeat(61), `"${'x'.repeat(60)}..."`],
  ['a function without a name', (() => () => {})(), 'a function'],
  ['a function with a name', parseInt, 'the function parseInt'],
  ['a class', Animal, 'the function Animal'],
  ['an error', new RangeError('too far'), 'RangeError: too far'],
  ['an error of another realm', runInNewContext('new RangeError("too far")'), 'RangeError: too far'],
  ['a DOMException', new DOMException('too late', 'TimeoutError'), 'TimeoutError: too late'],
  [
    'a DOMException of another realm',
    {[Symbol.toStringTag]: 'DOMException', name: 'TimeoutError', message: 'too late'},
    'TimeoutError: too late',
  ],
  ['an array', [1, 2, 3], 'an array of length 3'],
  ['a plain object', {}, 'an object of class Object'],
  ['an instance', new Animal(), 'an object of class Animal'],
  ['a promise', Promise.resolve(), 'an object of class Promise'],
  ['an object without a prototype', Object.create(null), 'an object of class null'],
  ['a revoked proxy', revoked.proxy, 'an object that cannot be described'],
  ['a revoked proxy of a function', revokedFunction.proxy, 'a function that cannot be described'],
  [
    'an object whose constructor throws',
    Object.defineProperty({}, 'constructor', {get: () => JSON.parse('')}),
    'an object that cannot be described',
  ],
  [
    'an error whose message throws',
    Object.defineProperty(new Error(), 'message', {get: () => JSON.parse('')}),
    'an object that cannot be described',
  ],
  [
    'a function whose name is a symbol',
    Object.defineProperty(() => {}, 'name', {value: Symbol('name')}),
    'a function that cannot be described',
  ],
]

for (const [title, value, description] of descriptions) {
  test(`a message describes ${title}`, (t) => {
    t.is(describe(value), description)
  })
}

test('an error with a tag of its own is described as an error', (t) => {
  class Tagged extends Error {
    readonly [Symbol.toStringTag] = 'Tagged'
  }
  t.is(describe(new Tagged('boom')), 'Error: boom')
})

test('an object that must have methods is refused by the name of the one that is none', (t) => {
  const methods = ['add', 'take']
  t.notThrows(() => checkMethods('engine', {add: () => {}, take: () => {}}, methods))
  t.throws(() => checkMethods('engine', {add: () => {}, take: 5}, methods), {
    instanceOf: TypeError,
    message: 'engine.take must be a function; got 5',
  })
  t.throws(() => checkMethods('engine', undefined, methods), {message: 'engine must be an object; got undefined'})
})

test('a function that may be missing is refused only if it is something else', (t) => {
  t.notThrows(() => checkOptionalFunction('onError', undefined))
  t.notThrows(() => checkOptionalFunction('onError', () => {}))
  t.throws(() => checkOptionalFunction('onError', null), {message: 'onError must be a function; got null'})
})
