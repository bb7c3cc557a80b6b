import {once} from 'node:events'
import test from 'ava'
import {command, ended, start} from './child.js'

const numbers = Array.from({length: 10}, (_, index) => index + 1)

test('the quickstart prints each start with how many run, never more than three, and each result', async (t) => {
  const {status, stdout, stderr} = await ended(start(command('quickstart')))
  t.is(stderr, '')
  t.is(status, 0)
  const lines = stdout.trimEnd().split('\n')
  t.deepEqual(
    lines.filter((line) => line.startsWith('task')),
    numbers.map((number) => `task ${number} starts, now ${Math.min(number, 3)} of 3 run`),
  )
  t.deepEqual(
    lines.filter((line) => line.startsWith('result')).sort(),
    numbers.map((number) => `result ${number}`).sort(),
  )
  t.is(lines.length, 20)
  const firstResult = lines.findIndex((line) => line.startsWith('result'))
  t.true(
    firstResult > lines.indexOf('task 4 starts, now 3 of 3 run'),
    'a task starts before the result that lets it is read',
  )
})

test('Ctrl-C ends the quickstart at once', async (t) => {
  const child = start(command('quickstart'))
  await once(child.stdout, 'readable')
  child.kill('SIGINT')
  const {stdout, stderr} = await ended(child)
  t.is(child.signalCode, 'SIGINT')
  t.is(stderr, '')
  t.true(stdout.endsWith('\n'))
})

test('a reader that has seen enough ends the quickstart quietly', async (t) => {
  const child = start(command('quickstart'))
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  const closed = once(child, 'exit')
  let told = ''
  for await (const chunk of child.stderr) told += String(chunk)
  t.is(told, '')
  t.deepEqual(await closed, [0, null])
})
