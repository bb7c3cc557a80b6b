/** Tests on a clock that stands still until the test moves it. */
import test, {type ExecutionContext} from 'ava'
import {VirtualClock} from '../governors/virtual-clock.js'
import {turn} from './turn.js'

/** The clock of the test that runs now. */
export let clock: VirtualClock

/** Registers a test with a clock of its own. Such tests share the timers of the process, so they run one by one. */
export function serial(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  test.serial(title, async (t) => {
    clock = VirtualClock.install()
    try {
      await body(t)
    } finally {
      VirtualClock.uninstall()
    }
  })
}

/** Lets everything that is due happen, and then moves the clock by `ms`. */
export async function pass(ms: number): Promise<void> {
  await turn()
  await clock.advance(ms)
}
