/** The harness lets nothing pass that AVA fails. */
import test from 'ava'
import {Assertions} from './assertions.js'
import {attempt, collect, default as suite} from './harness.js'

const boom = new Error('boom')

const passing: Record<string, (t: Assertions) => unknown> = {
  'equal objects': (t) => t.deepEqual({a: [1, new Map([['b', Number.NaN]])]}, {a: [1, new Map([['b', Number.NaN]])]}),
  'the error that is expected': (t) => t.throws(fail, {is: boom, message: /^boom$/}),
  'a rejection that is expected': (t) => t.throwsAsync(Promise.reject(boom), {instanceOf: Error}),
  'an object that has what is expected': (t) => t.like({a: [1, 2], b: {c: 3, d: 4}}, {a: [1], b: {c: 3}}),
  'a plan': (t) => {
    t.plan(1)
    t.pass()
  },
}
const failing: Record<string, (t: Assertions) => unknown> = {
  'no assertion': () => {},
  'other numbers': (t) => t.is(0, -0),
  'other objects': (t) => t.deepEqual({a: 1}, {a: 1, b: undefined}),
  'an object that lacks what is expected': (t) => t.like({a: 1, b: {c: 3}}, {b: {c: 3, d: undefined}, a: 2}),
  'another class': (t) => t.deepEqual(new (class extends Array<number> {})(), []),
  'a sparse array': (t) => t.deepEqual(new Array(1), [undefined]),
  'another function': (t) => t.deepEqual([() => {}], [() => {}]),
  'no throw': (t) => t.throws(() => 1),
  'another error': (t) => t.throws(fail, {instanceOf: TypeError}),
  'another message': (t) => t.throws(fail, {message: 'b'}),
  'what is no error': (t) => t.throwsAsync(Promise.reject('boom')),
  'no rejection': (t) => t.throwsAsync(Promise.resolve(1)),
  'another text': (t) => t.regex('a', /b/),
  'an assertion that is not awaited': (t) => void t.notThrowsAsync(new Promise(() => {})),
  'a plan that is not kept': (t) => {
    t.plan(2)
    t.pass()
  },
  'a failure that is caught': (t) => {
    try {
      t.fail()
    } catch {}
  },
  'a teardown that throws': (t) => {
    t.teardown(fail)
    t.pass()
  },
}
function fail(): never {
  throw boom
}

async function failuresOf(bodies: Record<string, (t: Assertions) => unknown>): Promise<string[]> {
  const found = await collect(() => {
    for (const [title, body] of Object.entries(bodies)) suite(title, body)
    return Promise.resolve()
  })
  const failed: string[] = []
  for (const one of found) if ((await attempt(one, 1000)) !== undefined) failed.push(one.title)
  return failed
}

test.serial('passes and fails what it should', async (t) => {
  t.deepEqual(await failuresOf(passing), [])
  t.deepEqual(await failuresOf(failing), Object.keys(failing))
})

test.serial('hooks are called around each test of their own file, and before() ahead of its first', async (t) => {
  const log: string[] = []
  const one = await collect(() => {
    suite.before(() => log.push('before'))
    suite.beforeEach('with a title', () => log.push('beforeEach'))
    suite.afterEach.always(() => log.push('afterEach'))
    suite('passes', (of: Assertions) => {
      log.push('passes')
      of.pass()
    })
    suite('fails', fail)
    return Promise.resolve()
  })
  const other = await collect(() => Promise.resolve(suite('other', (of: Assertions) => log.push('other') && of.pass())))
  const failures: unknown[] = []
  for (const each of [...one, ...other]) failures.push(await attempt(each, 1000))
  t.deepEqual(log, ['before', 'beforeEach', 'passes', 'afterEach', 'beforeEach', 'afterEach', 'other'])
  t.deepEqual(
    failures.map((failure) => failure !== undefined),
    [false, true, false],
  )
})

test.serial('a hook that throws fails its test', async (t) => {
  const [one] = await collect(() => {
    suite.afterEach(fail)
    suite('passes', (of: Assertions) => of.pass())
    return Promise.resolve()
  })
  t.regex((one && (await attempt(one, 1000))) ?? '', /boom/)
})

test.serial('a test that does not end has failed', async (t) => {
  const [endless] = await collect(() => Promise.resolve(suite('endless', () => new Promise(() => {}))))
  const keepsProcess = setTimeout(() => {}, 5000)
  t.regex((endless && (await attempt(endless, 10))) ?? '', /has not ended after 10 ms/)
  clearTimeout(keepsProcess)
})
