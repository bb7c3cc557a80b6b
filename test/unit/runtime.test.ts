import {AsyncLocalStorage} from 'node:async_hooks'
import {availableParallelism} from 'node:os'
import test from 'ava'
import {asyncScope, availableCores, nextTurn, report} from '../../src/runtime.js'
import {runInChild} from './child.js'
import {withProperty} from './globals.js'

test('in Node the cores are those that Node tells', (t) => {
  t.is(availableCores(), availableParallelism())
})

test('it is asked of node:os', (t) => {
  const process = {getBuiltinModule: (id: string) => (id === 'node:os' ? {availableParallelism: () => 7} : {})}
  t.is(withProperty(globalThis, 'process', process, availableCores), 7)
})

test('without Node the cores are those that the navigator tells', (t) => {
  const cores = withProperty(globalThis, 'process', undefined, () =>
    withProperty(globalThis, 'navigator', {hardwareConcurrency: 6}, availableCores),
  )
  t.is(cores, 6)
})

test('a process that is not Node’s, and one without the function, is passed over', (t) => {
  const cores = [{}, {getBuiltinModule: () => undefined}, {getBuiltinModule: () => ({})}].map((process) =>
    withProperty(globalThis, 'process', process, () =>
      withProperty(globalThis, 'navigator', {hardwareConcurrency: 3}, availableCores),
    ),
  )
  t.deepEqual(cores, [3, 3, 3])
})

test('where nobody tells there is one core', (t) => {
  const [withoutNavigator, withSilentNavigator] = [undefined, {}].map((navigator) =>
    withProperty(globalThis, 'process', undefined, () =>
      withProperty(globalThis, 'navigator', navigator, availableCores),
    ),
  )
  t.is(withoutNavigator, 1)
  t.is(withSilentNavigator, 1)
})

test('the next turn comes after all microtasks', async (t) => {
  const order: string[] = []
  const turned = new Promise<void>((resolve) => {
    nextTurn(() => {
      order.push('turn')
      resolve()
    })
  })
  void Promise.resolve()
    .then(() => undefined)
    .then(() => order.push('microtask'))
  order.push('now')
  await turned
  t.deepEqual(order, ['now', 'microtask', 'turn'])
})

test('without setImmediate the next turn comes by message, after all microtasks too', async (t) => {
  const order: string[] = []
  const turned = new Promise<void>((resolve) => {
    withProperty(globalThis, 'setImmediate', undefined, () =>
      nextTurn(() => {
        order.push('turn')
        resolve()
      }),
    )
  })
  void Promise.resolve()
    .then(() => undefined)
    .then(() => order.push('microtask'))
  order.push('now')
  await turned
  t.deepEqual(order, ['now', 'microtask', 'turn'])
})

test('turns asked for by message come in order, one for each', async (t) => {
  const order: number[] = []
  await new Promise<void>((resolve) => {
    withProperty(globalThis, 'setImmediate', undefined, () => {
      nextTurn(() => order.push(1))
      nextTurn(() => order.push(2))
      nextTurn(resolve)
    })
  })
  t.deepEqual(order, [1, 2])
})

test('a turn by message does not keep the process alive', (t) => {
  const {status, stdout} = runInChild(`
    import {nextTurn} from './src/runtime.js'
    delete globalThis.setImmediate
    nextTurn(() => console.log('turned'))
  `)
  t.is(status, 0)
  t.is(stdout, 'turned\n')
})

test('an error is reported by reportError where there is one', (t) => {
  const error = new Error('nobody’s')
  const reported: unknown[] = []
  withProperty(
    globalThis,
    'reportError',
    (thing: unknown) => reported.push(thing),
    () => report(error),
  )
  t.deepEqual(reported, [error])
})

test('without reportError the very error is thrown in a microtask', (t) => {
  const error = new Error('nobody’s')
  const microtasks: Array<() => void> = []
  withProperty(globalThis, 'reportError', undefined, () =>
    withProperty(
      globalThis,
      'queueMicrotask',
      (task: () => void) => microtasks.push(task),
      () => report(error),
    ),
  )
  t.is(microtasks.length, 1)
  t.is(
    t.throws(() => microtasks[0]?.()),
    error,
  )
})

test('in Node a reported error is an uncaught exception, once, and the code that reports it goes on', (t) => {
  const {stdout} = runInChild(`
    import {report} from './src/runtime.js'
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    report(new Error('nobody’s'))
    console.log('goes on')
  `)
  t.is(stdout, 'goes on\nuncaught nobody’s\n')
})

test('where there is no async context to keep there is no scope', (t) => {
  const {stdout, stderr} = runInChild(`
    const silent = [undefined, {}, {getBuiltinModule: () => undefined}, {getBuiltinModule: () => ({})}]
    const {process} = globalThis
    for (const [index, value] of silent.entries()) {
      const {asyncScope} = await import('./src/runtime.js?' + index) // one of its own, which has not looked yet
      Object.defineProperty(globalThis, 'process', {value, configurable: true})
      const scope = asyncScope()
      Object.defineProperty(globalThis, 'process', {value: process, configurable: true})
      console.log(index, scope)
    }
  `)
  t.is(stderr, '')
  t.is(stdout, '0 undefined\n1 undefined\n2 undefined\n3 undefined\n')
})

test('an async scope keeps what AsyncLocalStorage held when it was made, for as many calls as one likes', (t) => {
  const storage = new AsyncLocalStorage<string>()
  const scope = storage.run('then', () => asyncScope())
  const read = (suffix: string): string => storage.getStore() + suffix
  storage.run('now', () => {
    t.is(scope?.runInAsyncScope(read, undefined, ' 1'), 'then 1')
    t.is(scope?.runInAsyncScope(read, undefined, ' 2'), 'then 2')
    t.is(storage.getStore(), 'now')
  })
})
