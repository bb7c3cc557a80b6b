import {runInNewContext} from 'node:vm'
import test from 'ava'
import {dispose, handleRejection, ignore, invalidItemError, rejectedSilently, whenSettled} from '../../src/task.js'
import {turn} from '../helpers/turn.js'
import {unhandledDuring} from '../helpers/unhandled.js'

const error = new Error('task')

/** A thenable whose `then` does as the test says. */
function thenable(then: (resolve: (value: unknown) => void, reject: (reason: unknown) => void) => void): object {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
  return {then}
}

/** An object of whose `then` nothing can be known. */
const hostile = (): object =>
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
  Object.defineProperty({}, 'then', {
    get: () => {
      throw error
    },
  })

function revoked(): object {
  const {proxy, revoke} = Proxy.revocable({}, {})
  revoke()
  return proxy
}

class Special<T> extends Promise<T> {}

// whenSettled

/** How a value settles: what is made, and the outcome that `await` gives, too. */
const settling: ReadonlyArray<readonly [title: string, make: () => unknown, outcome: readonly [string, unknown]]> = [
  ['a promise that has fulfilled', () => Promise.resolve('value'), ['fulfilled', 'value']],
  ['a promise that fulfils later', () => turn().then(() => 'value'), ['fulfilled', 'value']],
  ['a promise that has rejected', () => Promise.reject(error), ['rejected', error]],
  ['a promise that rejects with undefined', () => Promise.reject(undefined), ['rejected', undefined]],
  ['a promise of a subclass', () => Special.resolve('value'), ['fulfilled', 'value']],
  ['a rejected promise of a subclass', () => Special.reject(error), ['rejected', error]],
  ['a promise of another realm', () => runInNewContext('Promise.resolve("value")'), ['fulfilled', 'value']],
  ['a thenable that fulfils at once', () => thenable((resolve) => resolve('value')), ['fulfilled', 'value']],
  ['a thenable that rejects at once', () => thenable((_, reject) => reject(error)), ['rejected', error]],
  [
    'a thenable that settles twice',
    () =>
      thenable((resolve, reject) => {
        resolve('value')
        reject(error)
        resolve('other')
      }),
    ['fulfilled', 'value'],
  ],
  [
    'a thenable that throws after it has settled',
    () =>
      thenable((resolve) => {
        resolve('value')
        throw error
      }),
    ['fulfilled', 'value'],
  ],
  [
    'a thenable whose then() throws',
    () =>
      thenable(() => {
        throw error
      }),
    ['rejected', error],
  ],
  [
    'a thenable that fulfils with a promise',
    () => thenable((resolve) => resolve(Promise.reject(error))),
    ['rejected', error],
  ],
  [
    'a function with a then()',
    () =>
      Object.assign(
        () => {},
        thenable((resolve) => resolve('value')),
      ),
    ['fulfilled', 'value'],
  ],
  ['an object whose then cannot be read', hostile, ['rejected', error]],
  ['a plain value', () => 'value', ['fulfilled', 'value']],
  ['undefined', () => undefined, ['fulfilled', undefined]],
  ['null', () => null, ['fulfilled', null]],
  [
    'a promise whose constructor cannot be read',
    () =>
      Object.defineProperty(Promise.resolve('value'), 'constructor', {
        get: () => {
          throw error
        },
      }),
    ['rejected', error],
  ],
]

for (const [title, make, outcome] of settling) {
  test(`of ${title} exactly one reaction is called, later, as with await`, async (t) => {
    const told: Array<readonly [string, unknown]> = []
    whenSettled(
      make(),
      (value) => told.push(['fulfilled', value]),
      (reason) => told.push(['rejected', reason]),
    )
    t.deepEqual(told, [])
    await turn(8)
    t.deepEqual(told, [outcome])
    t.is(told[0]?.[1], outcome[1])
    let awaited: readonly [string, unknown]
    try {
      awaited = ['fulfilled', await make()]
    } catch (reason) {
      awaited = ['rejected', reason]
    }
    t.deepEqual(awaited, outcome)
  })
}

test('a revoked proxy is a rejection with a TypeError', async (t) => {
  const reason = await new Promise((resolve) => whenSettled(revoked(), ignore, resolve))
  t.true(reason instanceof TypeError)
})

test('a thenable that never settles calls no reaction', async (t) => {
  whenSettled(
    thenable(() => {}),
    () => t.fail(),
    () => t.fail(),
  )
  await turn()
  t.pass()
})

test.serial('a rejection that is given to the reaction is handled', async (t) => {
  t.deepEqual(await unhandledDuring(() => whenSettled(Promise.reject(error), ignore, ignore)), [])
})

// What is a task

test('a function, a promise and a thenable are tasks', (t) => {
  for (const item of [() => 1, Special, Promise.resolve(), thenable(() => {})])
    t.is(invalidItemError(item, 0, false), undefined)
})

for (const [item, got] of [
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  ['text', '"text"'],
  [{}, 'an object of class Object'],
] as const)
  test(`${got} is no task, and the error says at which place, what was expected and what came`, (t) => {
    const problem = invalidItemError(item, 3, false)
    t.is(problem?.name, 'ConcurrentError')
    t.is(problem?.message, `Item 3 of the source is not a task: expected a function or a promise; got ${got}`)
    t.is(problem?.index, 3)
    t.true(problem?.cause instanceof TypeError)
  })

test('for an async source the error says that an async generator must yield functions', (t) => {
  t.regex(
    invalidItemError('value', 0, true)?.message ?? '',
    /"value"; an async generator awaits .*`yield \(\) => work\(\)`$/,
  )
})

test('an item whose then cannot be read is no task, and the cause is what it threw', (t) => {
  const problem = invalidItemError(hostile(), 0, false)
  t.is(problem?.cause, error)
  t.is(problem?.message, 'Item 0 of the source is not a task: looking for its then() failed: Error: task')
})

test('a revoked proxy is no task either', (t) => {
  t.true(invalidItemError(revoked(), 0, false)?.cause instanceof TypeError)
})

// Rejections that nobody awaits, which all tests of the file would hear: one test after the other

test.serial('a promise is kept from becoming an unhandled rejection, one of another realm too', async (t) => {
  const reasons = await unhandledDuring(() => {
    handleRejection(Promise.reject(error))
    handleRejection(Special.reject(error))
    handleRejection(runInNewContext('Promise.reject(new Error())'))
  })
  t.deepEqual(reasons, [])
})

test.serial('without that it would be one', async (t) => {
  t.deepEqual(
    await unhandledDuring(() => {
      void Promise.reject(error)
    }),
    [error],
  )
})

test('a lazy promise is not started for that, nor any other then() called', (t) => {
  class Lazy extends Promise<never> {
    // oxlint-disable-next-line unicorn/no-thenable -- that is what it is
    override then(): never {
      throw new Error('started')
    }
  }
  handleRejection(new Lazy(() => {}))
  handleRejection(thenable(() => t.fail('called')))
  t.pass()
})

test('what is no promise is passed over', (t) => {
  for (const item of [undefined, null, 5, 'text', {}, () => {}, hostile(), revoked()])
    t.notThrows(() => handleRejection(item))
})

test.serial('a promise rejects silently: with its reason where it is awaited, and unnoticed otherwise', async (t) => {
  const reasons = await unhandledDuring(() => void rejectedSilently(error))
  t.deepEqual(reasons, [])
  t.is(await t.throwsAsync(rejectedSilently(error)), error)
})

// Disposing

test('a task is disposed of by its own method, the async one before the other', async (t) => {
  const calls: string[] = []
  const task = {
    name: 'task',
    [Symbol.dispose]() {
      calls.push(`dispose ${this.name}`)
    },
  }
  dispose(task)
  const both = Object.assign(() => {}, {
    [Symbol.dispose]: () => calls.push('never'),
    async [Symbol.asyncDispose]() {
      calls.push('asyncDispose')
    },
  })
  await dispose(both)
  t.deepEqual(calls, ['dispose task', 'asyncDispose'])
})

test('a task without such a method, and what is no object, need nothing', (t) => {
  for (const task of [undefined, null, 5, 'text', {}, () => {}, Promise.resolve()]) t.is(dispose(task), undefined)
})

test.serial('a promise that is disposed of is no unhandled rejection', async (t) => {
  t.deepEqual(await unhandledDuring(() => void dispose(Promise.reject(error))), [])
})

test('what a disposal throws or rejects with is passed on', async (t) => {
  const failing = {
    [Symbol.dispose]: () => {
      throw error
    },
  }
  t.is(
    t.throws(() => dispose(failing)),
    error,
  )
  const rejecting = {[Symbol.asyncDispose]: () => Promise.reject(error)}
  t.is(await t.throwsAsync(async () => dispose(rejecting)), error)
})
