import test from 'ava'
import {command, ended, start} from './child.js'

const numbers = Array.from({length: 10}, (_, index) => index + 1)

test('the quickstart prints each start and each result, and never runs more than three', async (t) => {
  const {status, stdout, stderr} = await ended(start(command('quickstart')))
  t.is(stderr, '')
  t.is(status, 0)
  const lines = stdout.trimEnd().split('\n')
  t.deepEqual(
    lines.filter((line) => line.startsWith('task')),
    numbers.map((number) => `task ${number} starts`),
  )
  t.deepEqual(
    lines.filter((line) => line.startsWith('result')).sort(),
    numbers.map((number) => `result ${number}`).sort(),
  )
  t.is(lines.length, 20)
  t.deepEqual(lines.slice(0, 3), ['task 1 starts', 'task 2 starts', 'task 3 starts'])
  t.regex(lines[4] ?? '', /^result [123]$/, 'the fourth starts when one of the first three is done')
})
