import {once} from 'node:events'
import {connect} from 'node:net'
import {createInterface} from 'node:readline'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {type Served, serve} from '../../examples/servers.js'
import {type Child, command, start} from './child.js'

/** One after the other: each starts a process. */
const test = ava.serial

interface Gateway {
  readonly child: Child
  /** What is behind it. */
  readonly behind: Served
  /** The paths that wait for their answer from behind, in the order in which they came. */
  readonly open: () => string[]
  /** Lets what is behind answer a path. */
  readonly let: (path: string) => void
  readonly get: (tenant: string, path: string, signal?: AbortSignal) => Promise<Response>
  /** Waits until so many paths have come through. */
  readonly came: (count: number) => Promise<void>
  /** Whether it takes connections. */
  readonly listens: () => Promise<boolean>
}

/** The example before a server that answers when it is told to; both go with the test. */
async function gateway(t: ExecutionContext, ...options: readonly string[]): Promise<Gateway> {
  const open = new Map<string, () => void>()
  const behind = await serve(async ({url = ''}) => {
    await new Promise<void>((resolve) => void open.set(url, resolve))
    open.delete(url)
    return {body: url}
  })
  const child = start(['env', 'PORT=0', ...command('tenants'), behind.url, ...options])
  t.teardown(() => {
    child.kill('SIGKILL')
    behind.close()
  })
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string]
  return {
    child,
    behind,
    open: () => [...open.keys()],
    let: (path) => open.get(path)?.(),
    get: (tenant, path, signal) => fetch(url + path, {headers: {'x-tenant': tenant}, signal: signal ?? null}),
    came: async (count) => {
      while (behind.asked.length < count) await sleep(5)
    },
    listens: () =>
      new Promise((resolve) => {
        const socket = connect(Number(new URL(url).port), 'localhost', () => resolve(true))
        socket.on('error', () => resolve(false)).on('connect', () => socket.destroy())
      }),
  }
}

/** Sends requests, and gives the gateway time to accept them. */
async function send({get}: Gateway, tenant: string, paths: readonly string[]): Promise<Array<Promise<Response>>> {
  const answers = paths.map((path) => get(tenant, path))
  await sleep(150)
  return answers
}

/** Lets everything be answered, and gives the statuses. */
async function statuses(gate: Gateway, answers: ReadonlyArray<Promise<Response>>): Promise<number[]> {
  const timer = setInterval(() => {
    for (const path of gate.open()) gate.let(path)
  }, 5)
  const all = await Promise.all(answers).finally(() => clearInterval(timer))
  return all.map(({status}) => status)
}

test('a tenant has three requests at once, and tenants take turns', async (t) => {
  const gate = await gateway(t, '--limit', '4')
  const of = (tenant: string): number => gate.open().filter((path) => path.startsWith(`/${tenant}`)).length
  const ofA = await send(gate, 'a', ['/a1', '/a2', '/a3', '/a4', '/a5', '/a6'])
  await gate.came(3)
  t.is(of('a'), 3)
  const ofB = await send(gate, 'b', ['/b1', '/b2', '/b3'])
  await gate.came(4)
  t.deepEqual([of('a'), of('b')], [3, 1])
  for (const path of gate.open()) {
    const count = gate.behind.asked.length
    gate.let(path)
    await gate.came(count + 1)
    t.true(of('a') <= 3)
  }
  t.deepEqual([of('a'), of('b')], [2, 2], 'of four that came next, two are of each')
  t.deepEqual(await statuses(gate, [...ofA, ...ofB]), Array(9).fill(200))
  t.is(gate.behind.most(), 4)
})

test("a request beyond its tenant's capacity is answered with 429, and other tenants are not concerned", async (t) => {
  const gate = await gateway(t, '--each', '1', '--capacity', '2')
  const ofA = ['/a1', '/a2', '/a3', '/a4'].map((path) => gate.get('a', path))
  const refused = await Promise.race(ofA) // one runs and two wait
  t.is(refused.status, 429)
  t.is(refused.headers.get('retry-after'), '1')
  const ofB = gate.get('b', '/b1')
  await gate.came(2)
  t.is(gate.open().at(-1), '/b1')
  t.deepEqual(
    (await statuses(gate, [...ofA, ofB])).sort((a, b) => a - b),
    [200, 200, 200, 200, 429],
  )
})

test('a client that goes away takes its request out of the queue', async (t) => {
  const gate = await gateway(t, '--each', '1')
  const first = gate.get('a', '/first')
  await gate.came(1)
  const client = new AbortController()
  const left = gate.get('a', '/left', client.signal).catch(() => 'gone')
  await sleep(50)
  client.abort()
  t.is(await left, 'gone')
  await sleep(50)
  const last = gate.get('a', '/last')
  gate.let('/first')
  await gate.came(2)
  gate.let('/last')
  t.deepEqual([(await first).status, (await last).status], [200, 200])
  t.deepEqual(
    gate.behind.asked.map(({path}) => path),
    ['/first', '/last'],
  )
})

test('at SIGTERM what was accepted is answered, and the gateway ends', async (t) => {
  const gate = await gateway(t, '--each', '1', '--capacity', '1')
  const exited = once(gate.child, 'exit')
  const first = gate.get('a', '/first')
  await gate.came(1)
  const others = ['/second', '/third'].map((path) => gate.get('a', path))
  t.is((await Promise.race(others)).status, 429) // so the other one waits
  gate.child.kill('SIGTERM')
  while (await gate.listens()) await sleep(5)
  t.deepEqual(gate.open(), ['/first'])
  t.deepEqual(
    (await statuses(gate, [first, ...others])).toSorted((a, b) => a - b),
    [200, 200, 429],
  )
  t.deepEqual(await exited, [0, null])
})
