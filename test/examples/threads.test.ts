import {once} from 'node:events'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import test from 'ava'
import {ThreadRunner} from '../../examples/threads.js'
import {caught} from '../helpers/index.js'
import {command, ended, start} from './child.js'

const module = new URL('../../examples/count-primes.js', import.meta.url).href
const boom = new Error('boom')
const endless = {from: 0, to: Infinity}

test('the example counts all primes, and pulls one range more than it has threads', async (t) => {
  const {status, stdout, stderr} = await ended(start([...command('threads'), '--threads', '2']))
  t.is(stderr, '')
  t.is(status, 0)
  t.is(stdout, '283146 primes in 40 ranges, at most 3 under way for 2 threads\n')
})

test('threads give what they return, in order if asked', async (t) => {
  const inputs = [10, 100, 1000].map((to) => ({from: 0, to}))
  t.deepEqual(await new ThreadRunner(inputs, {module, threads: 2, ordered: true}).toArray(), [4, 25, 168])
})

test('what a thread throws is the cause of its failure', async (t) => {
  const error = await caught(new ThreadRunner([undefined], {module, threads: 1}).run())
  t.true(error instanceof Error && error.cause instanceof TypeError)
})

test('an abort ends jobs that would never end, at a thread and waiting for one', async (t) => {
  const runner = new ThreadRunner([{from: 0, to: 10}, endless, endless], {module, threads: 1})
  runner.on('start', ({index}) => index === 2 && runner.abort(boom))
  t.is(await caught(runner.run()), boom)
  t.deepEqual(runner.stats, {started: 3, succeeded: 1, failed: 2, running: 0, waiting: 0, retrying: 0})
})

test('a job that takes too long is ended', async (t) => {
  const runner = new ThreadRunner([endless], {module, threads: 1, timeout: 1})
  t.like(await caught(runner.run()), {cause: {name: 'TimeoutError'}})
})

test('a loop that is left ends the jobs that would never end', async (t) => {
  const runner = new ThreadRunner([{from: 0, to: 10}, endless, endless], {module, threads: 2})
  for await (const primes of runner) {
    t.is(primes, 4)
    break
  }
  const {running, failed} = await runner.drained
  t.deepEqual({running, failed}, {running: 0, failed: 2})
})

test('a job that fails ends those that would never end', async (t) => {
  const runner = new ThreadRunner([endless, undefined, endless], {module, threads: 2})
  t.like(await caught(runner.run()), {index: 1})
  t.is(runner.stats.running, 0)
})

test('Ctrl-C ends the example with its threads, without a wrong sum', async (t) => {
  const child = start([...command('threads'), '--threads', '1'])
  const closed = ended(child)
  await Promise.race([sleep(500), once(child, 'exit')]) // in the midst of a second's work, or before it: both must hold
  child.kill('SIGINT')
  const {status, stdout, stderr} = await closed
  t.true(status === 130 || child.signalCode === 'SIGINT')
  t.is(stdout, '')
  t.is(stderr, '')
})

test('a reader that has gone is no error of the example', async (t) => {
  const child = start([...command('threads'), '--threads', '2'])
  child.stdout.destroy()
  const exited = once(child, 'exit')
  t.is(await text(child.stderr), '')
  t.deepEqual(await exited, [0, null])
})
