/* oxlint-disable unicorn/no-thenable -- thenables of all kinds are what is tried here */
import {runInNewContext} from 'node:vm'
import test from 'ava'
import {ConcurrentError} from '../../src/errors.js'
import {discard, handleRejection, isThenable, itemError, whenSettled} from '../../src/tasks.js'
import {runInChild} from './child.js'

type Outcome = readonly ['fulfilled' | 'rejected', unknown]

/** Every outcome that is heard of a value, after all that it could still do. */
async function outcomes(value: unknown): Promise<Outcome[]> {
  const heard: Outcome[] = []
  whenSettled(
    value,
    (result) => heard.push(['fulfilled', result]),
    (reason) => heard.push(['rejected', reason]),
  )
  if (heard.length > 0) throw new Error('heard before whenSettled returned')
  await new Promise(setImmediate)
  return heard
}

type Executor = (onFulfilled: (value: unknown) => void, onRejected: (reason: unknown) => void) => void

/** A thenable that is not a promise. */
function thenable(then: Executor): PromiseLike<unknown> {
  return Object.defineProperty({}, 'then', {value: then}) as PromiseLike<unknown>
}

function hostile(error: unknown): object {
  return Object.defineProperty({}, 'then', {
    get: () => {
      throw error
    },
  })
}

class Subclass<V> extends Promise<V> {}
const object = {}

const settled: ReadonlyArray<readonly [title: string, make: () => unknown, outcome: Outcome]> = [
  ['a plain value', () => 5, ['fulfilled', 5]],
  ['undefined', () => undefined, ['fulfilled', undefined]],
  ['an object', () => object, ['fulfilled', object]],
  ['a fulfilled promise', () => Promise.resolve(5), ['fulfilled', 5]],
  ['a rejected promise', () => Promise.reject(new Error('no')), ['rejected', new Error('no')]],
  ['a rejection with undefined', () => Promise.reject(), ['rejected', undefined]],
  ['a promise of a subclass', () => Subclass.resolve(5), ['fulfilled', 5]],
  ['a rejected promise of a subclass', () => Subclass.reject(5), ['rejected', 5]],
  ['a promise of another realm', () => runInNewContext('Promise.resolve(5)'), ['fulfilled', 5]],
  ['a foreign thenable that fulfils', () => thenable((onFulfilled) => onFulfilled(5)), ['fulfilled', 5]],
  ['a foreign thenable that rejects', () => thenable((_, onRejected) => onRejected(5)), ['rejected', 5]],
  [
    'a thenable that gives a promise',
    () => thenable((onFulfilled) => onFulfilled(Promise.resolve(5))),
    ['fulfilled', 5],
  ],
  [
    'a thenable that throws',
    () =>
      thenable(() => {
        throw 5
      }),
    ['rejected', 5],
  ],
  [
    'a thenable that throws after it fulfilled',
    () =>
      thenable((onFulfilled) => {
        onFulfilled(5)
        throw 6
      }),
    ['fulfilled', 5],
  ],
  [
    'a thenable that fulfils twice',
    () =>
      thenable((onFulfilled) => {
        onFulfilled(5)
        onFulfilled(6)
      }),
    ['fulfilled', 5],
  ],
  [
    'a thenable that rejects and then fulfils',
    () =>
      thenable((onFulfilled, onRejected) => {
        onRejected(5)
        onFulfilled(6)
      }),
    ['rejected', 5],
  ],
  ['an object whose then throws when it is read', () => hostile(5), ['rejected', 5]],
  [
    'a promise whose constructor throws when it is read',
    () =>
      Object.defineProperty(Promise.resolve(5), 'constructor', {
        get: () => {
          throw 6
        },
      }),
    ['rejected', 6],
  ],
]

for (const [title, make, outcome] of settled) {
  test(`of ${title} exactly one outcome is heard, and later`, async (t) => {
    t.deepEqual(await outcomes(make()), [outcome])
  })
}

test('of a revoked proxy a rejection is heard', async (t) => {
  const {proxy, revoke} = Proxy.revocable({}, {})
  revoke()
  const [outcome, ...others] = await outcomes(proxy)
  t.is(outcome?.[0], 'rejected')
  t.true(outcome?.[1] instanceof TypeError)
  t.deepEqual(others, [])
})

test('of a thenable that never settles nothing is heard', async (t) => {
  t.deepEqual(await outcomes(thenable(() => {})), [])
})

test('functions, promises and foreign thenables are tasks', (t) => {
  const callable = Object.assign(() => {}, {})
  for (const item of [() => 5, async () => 5, callable, Promise.resolve(), thenable(() => {})])
    t.is(itemError(item, 0, false), undefined)
})

const noTasks: ReadonlyArray<readonly [item: unknown, got: string]> = [
  [undefined, 'undefined'],
  [null, 'null'],
  [5, '5'],
  ['text', '"text"'],
  [{}, 'an object of class Object'],
  [[() => 5], 'an array of length 1'],
]

for (const [item, got] of noTasks) {
  test(`${got} is no task, and the error says so, and where it was`, (t) => {
    const error = itemError(item, 3, false)
    t.true(error instanceof ConcurrentError)
    t.is(error?.name, 'ConcurrentError')
    t.is(error?.index, 3)
    t.true(error?.cause instanceof TypeError)
    t.is(error?.message, `Item 3 of the source is not a task: expected a function or a promise; got ${got}`)
  })
}

test('for an async source the error tells of the trap that a generator awaits what it yields', (t) => {
  const {message = ''} = itemError(5, 3, true) ?? {}
  t.true(message.startsWith('Item 3 of the source is not a task: expected a function or a promise; got 5; '))
  t.regex(message, /async generator awaits what it yields.*yield \(\) => work\(\)/)
})

test('an object whose then throws when it is read is no task, and the cause is what it threw', (t) => {
  const cause = new Error('hands off')
  const error = itemError(hostile(cause), 3, false)
  t.is(error?.cause, cause)
  t.is(error?.index, 3)
  t.is(error?.message, 'Item 3 of the source is not a task: looking for its then() failed: Error: hands off')
})

test('a thenable is an object or a function with a function then', (t) => {
  const callable = Object.defineProperty(() => {}, 'then', {value: () => {}})
  for (const thing of [Promise.resolve(), thenable(() => {}), callable]) t.true(isThenable(thing))
  const property = Object.defineProperty({}, 'then', {value: 5})
  for (const thing of [undefined, null, 5, 'then', {}, () => {}, property]) t.false(isThenable(thing))
})

test('a rejection that is handled never becomes an unhandled one', (t) => {
  const {status, stderr} = runInChild(`
    import {handleRejection} from './src/tasks.js'
    class Subclass extends Promise {}
    handleRejection(Promise.reject(new Error('native')))
    handleRejection(Subclass.reject(new Error('subclass')))
  `)
  t.is(stderr, '')
  t.is(status, 0)
})

test('a rejection of a promise from another realm is handled too', (t) => {
  const {status} = runInChild(`
    import {runInNewContext} from 'node:vm'
    import {handleRejection} from './src/tasks.js'
    handleRejection(runInNewContext('Promise.reject(new Error("foreign"))'))
  `)
  t.is(status, 0)
})

test('handling a rejection does not set a lazy promise or thenable going', (t) => {
  let calls = 0
  class Lazy<V> extends Promise<V> {
    override then<A = V, B = never>(...reactions: Parameters<Promise<V>['then']>): Promise<A | B> {
      calls++
      return super.then(...reactions) as Promise<A | B>
    }
  }
  handleRejection(new Lazy(() => {}))
  handleRejection(thenable(() => calls++))
  t.is(calls, 0)
})

test('what is no promise, or only pretends to be one, is left alone', (t) => {
  const {proxy, revoke} = Proxy.revocable({}, {})
  revoke()
  for (const item of [undefined, 5, {}, () => {}, Object.create(Promise.prototype), proxy])
    t.notThrows(() => handleRejection(item))
})

test('discarding disposes of what can be disposed of', (t) => {
  const calls: string[] = []
  const task = Object.assign(() => calls.push('called'), {[Symbol.dispose]: () => void calls.push('disposed')})
  t.is(discard(task), undefined)
  t.deepEqual(calls, ['disposed'])
})

test('the asynchronous disposal comes before the other one, and is given back', async (t) => {
  const calls: string[] = []
  const disposal = discard({
    [Symbol.dispose]: () => calls.push('dispose'),
    [Symbol.asyncDispose]: async () => void calls.push('asyncDispose'),
  })
  await disposal
  t.deepEqual(calls, ['asyncDispose'])
})

test('a disposal is called on its own object', (t) => {
  class Handle {
    [Symbol.dispose](): void {
      this.isOpen = false
    }
    isOpen = true
  }
  const handle = new Handle()
  discard(handle)
  t.false(handle.isOpen)
})

test('discarding calls no task', (t) => {
  discard(() => t.fail('called'))
  t.pass()
})

test('what cannot be disposed of is left alone, primitives and null included', (t) => {
  for (const item of [() => {}, {}, Promise.resolve(), null, undefined, 5, 'text'])
    t.is(discard(item as object), undefined)
})

test('a discarded promise may reject', (t) => {
  t.is(discard(Promise.reject(new Error('nobody’s'))), undefined)
})

test('what a disposal throws is thrown', (t) => {
  const cause = new Error('stuck')
  const task = {
    [Symbol.dispose]: () => {
      throw cause
    },
  }
  t.is(
    t.throws(() => discard(task)),
    cause,
  )
})

test('what an asynchronous disposal rejects with is given back', async (t) => {
  const cause = new Error('stuck')
  const disposal = discard({[Symbol.asyncDispose]: () => Promise.reject(cause)})
  t.is(await t.throwsAsync(async () => disposal), cause)
})

test('a native promise is heard as early as by its own then, whether it fulfils or rejects', async (t) => {
  const heard: string[] = []
  const hear = (promise: Promise<string>): void => {
    whenSettled(
      promise,
      (value) => heard.push(value),
      (reason) => heard.push(String(reason)),
    )
    void promise.then(
      () => heard.push('then'),
      () => heard.push('then'),
    )
  }
  hear(Promise.resolve('fulfilled'))
  hear(Promise.reject('rejected'))
  await new Promise(setImmediate)
  t.deepEqual(heard, ['fulfilled', 'then', 'rejected', 'then'])
})
