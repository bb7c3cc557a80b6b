import test from 'ava'
import {AdaptiveLimit} from '../../src/governors/index.js'
import {type Change, leastShare, share, simulate} from './simulation/client.js'
import {serverKinds} from './simulation/server.js'

const seed = 1

function plan(gap: number, capacities: readonly number[]): {changes: Change[]; length: number; seed: number} {
  return {
    changes: capacities.map((capacity, index) => ({at: index * gap, capacity})),
    length: gap * capacities.length,
    seed,
  }
}

for (const kind of serverKinds) {
  test(`${kind}: 30 round trips after a change by a factor of 2 it gets done at least 80 % of what is possible`, (t) => {
    const {samples} = simulate(kind, new AdaptiveLimit({max: 400}), plan(160, [50, 100, 50, 25]))
    const least = leastShare(kind, samples, 30, seed)
    t.log(`at least ${Math.round(100 * least)} %`)
    t.true(least >= 0.8 && least < 2)
  })

  test(`${kind}: 60 round trips after a change by a factor of 10 it gets done at least 80 % of what is possible`, (t) => {
    const {samples} = simulate(kind, new AdaptiveLimit({max: 800}), plan(300, [20, 200, 20]))
    const least = leastShare(kind, samples, 60, seed)
    t.log(`at least ${Math.round(100 * least)} %`)
    t.true(least >= 0.8 && least < 2)
  })

  test(`${kind}: 60 round trips after an outage it gets done at least 80 % of what is possible`, (t) => {
    const {samples} = simulate(kind, new AdaptiveLimit({max: 400}), plan(250, [100, 0, 100]))
    const least = leastShare(kind, samples, 60, seed)
    t.log(`at least ${Math.round(100 * least)} %`)
    t.true(least >= 0.8 && least < 2)
  })

  test(`${kind}: it never has more open than max, however much the server takes`, (t) => {
    const {mostOpen, samples} = simulate(kind, new AdaptiveLimit({max: 30}), plan(50, [100, 10, 100]))
    t.is(mostOpen, 30)
    t.true(samples.every(({limit}) => limit <= 30))
  })

  test(`${kind}: a client that comes later gets at least a third of what two clients get`, (t) => {
    const clients = [new AdaptiveLimit({max: 300}), new AdaptiveLimit({max: 300})] as const
    const [one, other] = share(kind, clients, {capacity: 60, from: 600, to: 900, seed})
    t.log(`${one} and ${other}`)
    t.true(Math.min(one, other) / (one + other) >= 1 / 3)
  })
}
