/**
 * Gives each test of a file a clock that stands still until the test moves it. Importing this file is enough, so it is
 * not part of `index.ts`.
 */
import test from 'ava'
import {VirtualClock} from '../governors/virtual-clock.js'
import {turn} from './turn.js'

/** The clock of the test that runs now. */
export let clock: VirtualClock

test.beforeEach(() => {
  clock = VirtualClock.install()
})
test.afterEach.always(() => VirtualClock.uninstall())

/** Registers a test. The tests share the timers of the process, so they run one after the other. */
export const serial: typeof test.serial = test.serial

/** Lets everything that is due happen, and then moves the clock by `ms`. */
export async function pass(ms: number): Promise<void> {
  await turn()
  await clock.advance(ms)
}
