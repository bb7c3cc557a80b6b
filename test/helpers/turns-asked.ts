import {createHook} from 'node:async_hooks'

/** How many turns of the event loop are asked for while `body` runs. */
export function turnsAskedBy(body: () => void): number {
  let count = 0
  const hook = createHook({
    init: (_, type) => {
      if (type === 'Immediate') count++
    },
  }).enable()
  body()
  hook.disable()
  return count
}
