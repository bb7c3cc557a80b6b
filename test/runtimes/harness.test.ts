/** The harness lets nothing pass that AVA fails. */
import test from 'ava'
import {Assertions} from './assertions.js'
import {run, default as suite} from './harness.js'
import {missing} from './missing.js'

const boom = new Error('boom')
const lacking = missing('node:fs') as {readonly readFile: () => void}

const passing: Record<string, (t: Assertions) => unknown> = {
  'equal objects': (t) => t.deepEqual({a: [1, new Map([['b', Number.NaN]])]}, {a: [1, new Map([['b', Number.NaN]])]}),
  'the error that is expected': (t) => t.throws(fail, {is: boom, message: /^boom$/}),
  'a rejection that is expected': (t) => t.throwsAsync(Promise.reject(boom), {instanceOf: Error}),
  'a plan': (t) => {
    t.plan(1)
    t.pass()
  },
}
const failing: Record<string, (t: Assertions) => unknown> = {
  'no assertion': () => {},
  'other numbers': (t) => t.is(0, -0),
  'other objects': (t) => t.deepEqual({a: 1}, {a: 1, b: undefined}),
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
const leftOut: Record<string, (t: Assertions) => unknown> = {
  'a call': () => lacking.readFile(),
  'a call whose error is caught': (t) => {
    t.throws(() => lacking.readFile())
  },
}

function fail(): never {
  throw boom
}

test('passes, fails and leaves out what it should', async (t) => {
  const report = await run(() => {
    for (const [title, body] of Object.entries({...passing, ...failing, ...leftOut})) suite(title, body)
    return Promise.resolve()
  })
  t.deepEqual(report.passed, Object.keys(passing))
  t.deepEqual(
    report.failed.map(({title}) => title),
    Object.keys(failing),
  )
  t.deepEqual(
    report.leftOut,
    Object.keys(leftOut).map((title) => ({title, needs: 'needs node:fs'})),
  )
})

test('a file that uses what is missing before its first test is left out as a whole', async (t) => {
  const report = await run(async () => lacking.readFile())
  t.is(report.needs, 'needs node:fs')
})

test('a file that does not load is a failure', async (t) => {
  const report = await run(() => Promise.reject(boom))
  t.is(report.failed.length, 1)
})
