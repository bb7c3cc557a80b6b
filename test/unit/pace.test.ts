import test from 'ava'
import {Pace} from '../../src/pace.js'
import {withProperty} from './globals.js'

/** A clock and an event loop that only the test moves. */
class World {
  now = 1000
  looks = 0
  readonly turns: Array<() => void> = []

  run(body: () => void): void {
    const look = (): number => {
      this.looks++
      return this.now
    }
    const setImmediate = (callback: () => void): void => void this.turns.push(callback)
    withProperty(performance, 'now', look, () => withProperty(globalThis, 'setImmediate', setImmediate, body))
  }

  turn(): void {
    for (const callback of this.turns.splice(0)) callback()
  }
}

/** Works until a rest is due, each unit taking so many milliseconds; gives the number of units. */
function unitsUntilDue(world: World, pace: Pace, msPerUnit: number): number {
  for (let units = 1; units <= 100_000; units++) {
    if (pace.isDue()) return units
    world.now += msPerUnit
  }
  return Infinity
}

test('work that takes no time never needs a rest', (t) => {
  const world = new World()
  world.run(() => t.is(unitsUntilDue(world, new Pace(), 0), Infinity))
})

for (const msPerUnit of [0.001, 0.01, 0.1, 1, 5]) {
  test(`units of ${msPerUnit} ms need a rest after 4 ms and one look at the clock`, (t) => {
    const world = new World()
    world.run(() => {
      const start = world.now
      t.true(unitsUntilDue(world, new Pace(), msPerUnit) < Infinity)
      t.true(world.now - start >= 4 - 1e-6)
      t.true(world.now - start <= 4 + Math.max(16 * msPerUnit, 2))
    })
  })
}

test('the clock is looked at every 16 units where they are short', (t) => {
  const world = new World()
  world.run(() => {
    unitsUntilDue(world, new Pace(), 0)
    t.true(world.looks <= 100_000 / 16 + 6)
  })
})

test('the clock is looked at for each unit where they are long', (t) => {
  const world = new World()
  world.run(() => {
    const pace = new Pace()
    for (let unit = 0; unit < 100; unit++) {
      pace.isDue()
      world.now += 2
      world.turn()
    }
    t.is(world.looks, 100)
  })
})

test('units that become long are noticed at the next look', (t) => {
  const world = new World()
  world.run(() => {
    const pace = new Pace()
    unitsUntilDue(world, pace, 0)
    t.true(unitsUntilDue(world, pace, 5) <= 16)
    world.turn()
    t.true(unitsUntilDue(world, pace, 5) <= 4)
  })
})

test('an event loop that turns by itself makes a rest needless', (t) => {
  const world = new World()
  world.run(() => {
    const pace = new Pace()
    for (let unit = 0; unit < 1000; unit++) {
      t.false(pace.isDue())
      world.now += 1
      world.turn()
    }
  })
})

test('the event loop is asked once until it has turned', (t) => {
  const world = new World()
  world.run(() => {
    const pace = new Pace()
    unitsUntilDue(world, pace, 1)
    unitsUntilDue(world, pace, 1)
    t.is(world.turns.length, 1)
  })
})

test('a rest ends when the event loop turns, and not before', (t) => {
  const world = new World()
  world.run(() => {
    const pace = new Pace()
    let rests = 0
    unitsUntilDue(world, pace, 1)
    pace.rest(() => rests++)
    t.is(rests, 0)
    world.turn()
    t.is(rests, 1)
    world.turn()
    t.is(rests, 1)
  })
})

test('after a rest the next 4 ms begin', (t) => {
  const world = new World()
  world.run(() => {
    const pace = new Pace()
    unitsUntilDue(world, pace, 1)
    pace.rest(() => {})
    world.turn()
    const start = world.now
    unitsUntilDue(world, pace, 1)
    t.true(world.now - start >= 4)
  })
})
