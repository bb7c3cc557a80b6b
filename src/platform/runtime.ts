/** What differs between Node, Bun, Deno and browsers, each with an answer where it is missing. */

interface AsyncHooks {
  readonly AsyncResource?: new (type: string) => AsyncScope & {readonly [key: symbol]: unknown}
}

/** A channel of Node's diagnostics. */
export interface Channel {
  readonly hasSubscribers: boolean
  publish(message: unknown): void
  runStores?<A extends unknown[], R>(message: unknown, call: (...args: A) => R, thisArgument: undefined, ...args: A): R
}

interface DiagnosticsChannel {
  channel(name: string): Channel
}

interface Runtime {
  readonly navigator?: {readonly hardwareConcurrency?: number}
  readonly process?: {
    readonly versions?: {readonly node?: string}
    emitWarning?(message: string, name: string): void
    getBuiltinModule?(id: 'node:os'): {availableParallelism?(): number} | undefined
    getBuiltinModule?(id: 'node:async_hooks'): AsyncHooks | undefined
    getBuiltinModule?(id: 'node:diagnostics_channel'): DiagnosticsChannel | undefined
    getBuiltinModule?(id: 'node:timers'): Pick<Runtime, 'setImmediate'> | undefined
  }
  readonly setImmediate?: (callback: () => void) => unknown
  readonly reportError?: (error: unknown) => void
  readonly console?: {warn(message: string): void}
}

const runtime: Runtime = globalThis

/** An async context, that is what each `AsyncLocalStorage` holds in it. */
export interface AsyncScope {
  runInAsyncScope<A extends unknown[], R>(call: (...args: A) => R, thisArgument: undefined, ...args: A): R
}

/** Taken when the library is loaded: fake timers that tests install later must not stop the event-loop guard. */
const setImmediate = runtime.process?.getBuiltinModule?.('node:timers')?.setImmediate ?? runtime.setImmediate

/** How Node's tools call the async contexts that are captured here. */
const resourceType = 'aio-tasks'
let AsyncResource: AsyncHooks['AsyncResource']
let hasLookedUp = false
/** Node's key of the async context of a resource, from Node 24 on; `undefined` in the empty context. */
let frameKey: symbol | undefined
/** Node's key of the async id of a resource. Promises have one only while some `AsyncLocalStorage` is in use, up to Node 22. */
let idKey: symbol | undefined
let emptyScope: AsyncScope | undefined

/**
 * Captures the async context of this moment; `undefined` where the runtime has none. Where Node shows that the context is
 * empty, the scope is a shared one: that saves 73 bytes for each task that waits in a queue.
 *
 * @param promise One that was made at this moment.
 */
export function captureScope(promise: Promise<unknown>): AsyncScope | undefined {
  if (!hasLookedUp) lookUp()
  if (AsyncResource === undefined) return undefined
  if (idKey === undefined || idKey in promise) return new AsyncResource(resourceType)
  if (frameKey === undefined) return (emptyScope ??= new AsyncResource(resourceType))
  const scope = new AsyncResource(resourceType)
  return isEmpty(scope, frameKey) ? (emptyScope ??= scope) : scope
}

/** Whether a captured scope is the shared one of the empty context, or none where the runtime has none. */
export function isEmptyScope(scope: AsyncScope | undefined): boolean {
  return scope === emptyScope
}

/** Calls a function in the empty context. */
export function runInEmptyScope<A, B, R>(call: (a: A, b: B) => R, a: A, b: B): R {
  if (emptyScope === undefined) return call(a, b)
  // While no AsyncLocalStorage is in use, every context is empty, and a call costs half as much without a scope. Node 22
  // has both keys, and does not show which of them it goes by.
  if (frameKey === undefined && idKey !== undefined && !(idKey in Promise.resolve())) return call(a, b)
  // Before Node 24, `enterWith` changes the scope itself: one that is shared must not be changed.
  if (!isEnterWithContained) return emptyScope.runInAsyncScope(callInNewScope, undefined, call, a, b)
  return emptyScope.runInAsyncScope(call, undefined, a, b)
}

function callInNewScope<A, B, R>(call: (a: A, b: B) => R, a: A, b: B): R {
  return AsyncResource ? new AsyncResource(resourceType).runInAsyncScope(call, undefined, a, b) : call(a, b)
}

// Not at import, which has no effects.
function lookUp(): void {
  hasLookedUp = true
  AsyncResource = runtime.process?.getBuiltinModule?.('node:async_hooks')?.AsyncResource
  if (AsyncResource === undefined) return
  for (const key of Object.getOwnPropertySymbols(new AsyncResource(resourceType))) {
    if (key.description === 'async_id_symbol') idKey = key
    if (key.description === 'context_frame') frameKey = key
  }
}

function isEmpty(scope: AsyncScope & {readonly [key: symbol]: unknown}, key: symbol): boolean {
  return scope[key] === undefined
}

/**
 * Whether `enterWith` inside of a scope ends with that scope, so that each task is called in a scope of its own. Before
 * Node 24 it changes the scope itself.
 */
export const isEnterWithContained: boolean = Number.parseInt(runtime.process?.versions?.node ?? '0', 10) >= 24

/** The module `node:diagnostics_channel`, or `undefined` where the runtime has none. */
export function diagnosticsChannel(): DiagnosticsChannel | undefined {
  return runtime.process?.getBuiltinModule?.('node:diagnostics_channel')
}

/** How many tasks the machine runs in parallel, or 1 where the runtime does not say. */
export function availableCores(): number {
  return (
    runtime.process?.getBuiltinModule?.('node:os')?.availableParallelism?.() ??
    runtime.navigator?.hardwareConcurrency ??
    1
  )
}

/** Calls back in a later turn of the event loop, after timers and I/O had their chance. */
export function nextTurn(callback: () => void): void {
  if (setImmediate) {
    setImmediate(callback)
    return
  }
  // Not setTimeout: browsers stretch nested timeouts to 4 ms.
  const {port1, port2} = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    callback()
  }
  port2.postMessage(undefined)
}

/** Reports an error that no caller can catch as an uncaught exception, so that it is seen and changes nothing here. */
export function reportUncaught(error: unknown): void {
  if (runtime.reportError) runtime.reportError(error)
  else
    queueMicrotask(() => {
      throw error
    })
}

/** Warns the user: by Node's warnings, which can be listened to and silenced, or in the console. */
export function warn(message: string): void {
  if (runtime.process?.emitWarning) runtime.process.emitWarning(message, 'ConcurrentWarning')
  else runtime.console?.warn(`ConcurrentWarning: ${message}`)
}
