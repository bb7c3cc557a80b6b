import {AsyncLocalStorage} from 'node:async_hooks'
import {availableParallelism} from 'node:os'
import test from 'ava'
import {
  availableCores,
  captureScope,
  isEmptyScope,
  isEnterWithContained,
  nextTurn,
  reportUncaught,
  runInEmptyScope,
} from '../../../src/platform/runtime.js'
import {runInChild} from '../child.js'
import {withProperty} from '../globals.js'

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

test('turns come in the order in which they were asked for, one for each', async (t) => {
  const order: number[] = []
  await new Promise<void>((resolve) => {
    nextTurn(() => order.push(1))
    nextTurn(() => order.push(2))
    nextTurn(resolve)
  })
  t.deepEqual(order, [1, 2])
})

test('fake timers that are installed after the library was loaded do not stop the turns', async (t) => {
  const fakes = {setImmediate: () => t.fail('a fake was called'), setTimeout: () => t.fail('a fake was called')}
  await new Promise<void>((resolve) => {
    withProperty(globalThis, 'setImmediate', fakes.setImmediate, () =>
      withProperty(globalThis, 'setTimeout', fakes.setTimeout, () => nextTurn(resolve)),
    )
  })
  t.pass()
})

test('fake timers that are installed before the library is loaded do not stop the turns in Node', (t) => {
  const {status, stdout} = runInChild(`
    globalThis.setImmediate = () => console.log('a fake was called')
    const {nextTurn} = await import('./src/platform/runtime.js')
    nextTurn(() => console.log('turned'))
  `)
  t.is(status, 0)
  t.is(stdout, 'turned\n')
})

test('without setImmediate a turn comes by message after all microtasks, and then the process may end', (t) => {
  const {status, stdout} = runInChild(`
    delete globalThis.setImmediate
    process.getBuiltinModule = () => undefined
    const {nextTurn} = await import('./src/platform/runtime.js')
    nextTurn(() => console.log('turned'))
    nextTurn(() => console.log('turned again'))
    Promise.resolve().then(() => undefined).then(() => console.log('microtask'))
    console.log('now')
  `)
  t.is(status, 0)
  t.is(stdout, 'now\nmicrotask\nturned\nturned again\n')
})

test('an error is reported by reportError where there is one', (t) => {
  const error = new Error('nobody’s')
  const reported: unknown[] = []
  withProperty(
    globalThis,
    'reportError',
    (thing: unknown) => reported.push(thing),
    () => reportUncaught(error),
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
      () => reportUncaught(error),
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
    import {reportUncaught} from './src/platform/runtime.js'
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    reportUncaught(new Error('nobody’s'))
    console.log('goes on')
  `)
  t.is(stdout, 'goes on\nuncaught nobody’s\n')
})

test('what the runtime has not is missing and nothing else: no scope, no channel, a turn by message, a warning in the console', (t) => {
  const {stdout, stderr} = runInChild(`
    const silent = [undefined, {}, {versions: {}}, {getBuiltinModule: () => undefined}, {getBuiltinModule: () => ({})}]
    const {process, console} = globalThis
    const set = (name, value) => Object.defineProperty(globalThis, name, {value, configurable: true})
    delete globalThis.setImmediate
    await import('./src/platform/runtime.js') // once, so that it is compiled
    for (const [index, value] of silent.entries()) {
      const warnings = []
      set('process', value)
      // A module of its own, which has not looked for anything yet.
      const runtime = await import('./src/platform/runtime.js?' + index)
      const {captureScope, isEmptyScope, runInEmptyScope, isEnterWithContained, diagnosticsChannel, nextTurn, warn} = runtime
      const scope = captureScope(Promise.resolve())
      const channel = diagnosticsChannel()?.channel
      for (const given of [undefined, {warn: (message) => warnings.push(message)}]) {
        set('console', given)
        warn('careful')
      }
      set('console', console)
      const turned = await new Promise((resolve) => nextTurn(() => resolve('turned')))
      set('process', process)
      const sum = runInEmptyScope((a, b) => a + b, 1, 2)
      console.log(scope, isEmptyScope(scope), sum, isEnterWithContained, channel, turned, ...warnings)
    }
  `)
  t.is(stderr, '')
  t.is(stdout, 'undefined true 3 false undefined turned ConcurrentWarning: careful\n'.repeat(5))
})

test('while no AsyncLocalStorage is in use, all captures give one shared scope, the empty one', (t) => {
  const {stdout, stderr} = runInChild(`
    import {captureScope, isEmptyScope} from './src/platform/runtime.js'
    const [first, second] = [captureScope(Promise.resolve()), captureScope(Promise.resolve())]
    console.log(first !== undefined, first === second, isEmptyScope(first))
  `)
  t.is(stderr, '')
  t.is(stdout, 'true true true\n')
})

test('a scope keeps what AsyncLocalStorage held when it was captured, for any number of calls', (t) => {
  const storage = new AsyncLocalStorage<string>()
  const scope = storage.run('then', () => captureScope(Promise.resolve()))
  const read = (suffix: string): string => `${storage.getStore()}${suffix}`
  t.false(isEmptyScope(scope))
  storage.run('now', () => {
    t.is(scope?.runInAsyncScope(read, undefined, ' 1'), 'then 1')
    t.is(scope?.runInAsyncScope(read, undefined, ' 2'), 'then 2')
    t.is(storage.getStore(), 'now')
  })
})

test('a scope that is captured outside of every store sees none, wherever it is used', (t) => {
  const storage = new AsyncLocalStorage<string>()
  const scope = captureScope(Promise.resolve())
  t.is(
    storage.run('now', () => scope?.runInAsyncScope(() => storage.getStore(), undefined)),
    undefined,
  )
})

test('the empty scope hides the store of its caller, also from what the call awaits', (t) => {
  const {stdout, stderr} = runInChild(`
    import {AsyncLocalStorage} from 'node:async_hooks'
    import {captureScope, runInEmptyScope} from './src/platform/runtime.js'
    captureScope(Promise.resolve()) // makes the shared scope
    const storage = new AsyncLocalStorage()
    const read = async (suffix) => {
      const before = storage.getStore()
      await null
      return [before, storage.getStore(), suffix].join(' ')
    }
    console.log(await storage.run('now', () => runInEmptyScope(read, 'end')), storage.run('now', () => storage.getStore()))
  `)
  t.is(stderr, '')
  t.is(stdout, '  end now\n')
})

test('what a scope calls may throw, and the caller gets that very error', (t) => {
  const error = new Error('inside')
  const fail = (): never => {
    throw error
  }
  t.is(
    t.throws(() => runInEmptyScope(fail, 1, 2)),
    error,
  )
  t.is(
    t.throws(() => captureScope(Promise.resolve())?.runInAsyncScope(fail, undefined)),
    error,
  )
})

test('enterWith counts as contained exactly where a scope contains it', (t) => {
  const storage = new AsyncLocalStorage<string>()
  const scope = storage.run('then', () => captureScope(Promise.resolve()))
  scope?.runInAsyncScope(() => storage.enterWith('entered'), undefined)
  const isContained = scope?.runInAsyncScope(() => storage.getStore(), undefined) === 'then'
  t.is(isEnterWithContained, isContained)
})

// Other versions and runtimes, by an AsyncResource of the test's own

const ownScopes = `
  let current
  const resourceWith = (...keys) => class {
    constructor() {
      this.held = current
      for (const key of keys) this[key] = current
    }
    runInAsyncScope(call, self, ...args) {
      const before = current
      current = this.held
      try {
        return call.apply(self, args)
      } finally {
        current = before
      }
    }
  }
  const {process} = globalThis
  const load = async (node, AsyncResource) => {
    current = undefined
    const value = {versions: {node}, getBuiltinModule: () => ({AsyncResource})}
    Object.defineProperty(globalThis, 'process', {value, configurable: true})
    const runtime = await import('./src/platform/runtime.js?' + node)
    const empty = runtime.captureScope(Promise.resolve())
    Object.defineProperty(globalThis, 'process', {value: process, configurable: true})
    return {...runtime, empty}
  }
  const look = ({captureScope, isEmptyScope, isEnterWithContained, runInEmptyScope, empty}) => {
    const again = captureScope(Promise.resolve())
    current = 'store'
    const full = captureScope(Promise.resolve())
    console.log('contained', isEnterWithContained)
    console.log('empty', isEmptyScope(empty), again === empty)
    console.log('full', isEmptyScope(full), captureScope(Promise.resolve()) === full)
    current = 'other'
    console.log('in', full.runInAsyncScope((a) => String(current) + a, undefined, 1), runInEmptyScope((a, b) => String(current) + a + b, 1, 2))
  }
`

test('from Node 24 on a scope shows whether its context is empty, and the empty ones are one', (t) => {
  const {stdout, stderr} = runInChild(`${ownScopes}
    look(await load('24.0.0', resourceWith(Symbol('async_id_symbol'), Symbol('context_frame'))))
  `)
  t.is(stderr, '')
  t.is(stdout, 'contained true\nempty true true\nfull false false\nin store1 undefined12\n')
})

test('where a scope does not show what it holds each one is taken for full', (t) => {
  const {stdout, stderr} = runInChild(`${ownScopes}
    look(await load('23.9.0', resourceWith()))
  `)
  t.is(stderr, '')
  t.is(stdout, 'contained false\nempty false false\nfull false false\nin store1 other12\n')
})

test('up to Node 22 a scope is made only for a promise with an async id: all others share the empty one', (t) => {
  const {stdout, stderr} = runInChild(`${ownScopes}
    const id = Symbol('async_id_symbol')
    const {captureScope, empty} = await load('20.19.0', resourceWith(Symbol('trigger_async_id_symbol'), id, Symbol('other')))
    const [plain, followed] = [Promise.resolve(), Object.assign(Promise.resolve(), {[id]: 5})]
    console.log(captureScope(plain) === empty, captureScope(followed) === empty)
  `)
  t.is(stderr, '')
  t.is(stdout, 'true false\n')
})

test('tools that follow async resources see whose they are by their type', (t) => {
  const {stdout, stderr} = runInChild(`
    import {AsyncLocalStorage, createHook} from 'node:async_hooks'
    import {captureScope} from './src/platform/runtime.js'
    const types = new Set()
    createHook({init: (id, type) => types.add(type)}).enable()
    new AsyncLocalStorage().run('store', () => captureScope(Promise.resolve()))
    console.log(types.has('aio-tasks'))
  `)
  t.is(stderr, '')
  t.is(stdout, 'true\n')
})
