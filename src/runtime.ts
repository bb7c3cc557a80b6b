/** The little that differs between Node, Bun, Deno and browsers, each with an answer where it is missing. */

interface Runtime {
  readonly navigator?: {readonly hardwareConcurrency?: number}
  readonly process?: {
    getBuiltinModule?(id: 'node:os'): {availableParallelism?(): number} | undefined
    getBuiltinModule?(id: 'node:async_hooks'): {AsyncResource?: new (type: string) => AsyncScope} | undefined
  }
  readonly setImmediate?: (callback: () => void) => unknown
  readonly reportError?: (error: unknown) => void
}

const runtime: Runtime = globalThis

/** Keeps the async context in which it was made, that is what each `AsyncLocalStorage` holds there. */
export interface AsyncScope {
  runInAsyncScope<A extends unknown[], R>(call: (...args: A) => R, thisArgument: undefined, ...args: A): R
}

let AsyncResource: (new (type: string) => AsyncScope) | undefined | null = null

/** The async context of this moment, or `undefined` where the runtime has none to keep. */
export function asyncScope(): AsyncScope | undefined {
  // Looked up once, and not at import: an import has no effects.
  if (AsyncResource === null) AsyncResource = runtime.process?.getBuiltinModule?.('node:async_hooks')?.AsyncResource
  return AsyncResource && new AsyncResource('aio-tasks')
}

/** How many tasks the machine runs in parallel, or 1 where it does not say. */
export function availableCores(): number {
  return (
    runtime.process?.getBuiltinModule?.('node:os')?.availableParallelism?.() ??
    runtime.navigator?.hardwareConcurrency ??
    1
  )
}

/** Calls back in a later turn of the event loop, after timers and I/O had their chance. */
export function nextTurn(callback: () => void): void {
  if (runtime.setImmediate) {
    runtime.setImmediate(callback)
    return
  }
  // Not setTimeout: browsers stretch nested ones to 4 ms.
  const {port1, port2} = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    callback()
  }
  port2.postMessage(undefined)
}

/** Makes an error that is nobody's to catch an uncaught exception, so that it is seen and changes nothing here. */
export function report(error: unknown): void {
  if (runtime.reportError) runtime.reportError(error)
  else
    queueMicrotask(() => {
      throw error
    })
}
