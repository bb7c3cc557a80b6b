/** The installed package under clocks that tests move by hand, under zone.js, and in Jest, which has a realm of its own. */
import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {transformSync} from 'esbuild'
import {type Check, samples} from './project.js'

const require = createRequire(import.meta.url)
const patience = 60_000
const urlOf = (name: string): string => JSON.stringify(pathToFileURL(require.resolve(name)).href)

/** Prints what differs, and what nobody handled. */
const print = `
const unhandled = []
process.on('unhandledRejection', (error) => unhandled.push(String(error)))
const show = async (found) => {
  await new Promise((resolve) => realSetImmediate(() => realSetImmediate(resolve)))
  console.log(JSON.stringify([...found, ...unhandled]))
  process.exit()
}
`

/** Programs, each with the clock or the zone that it installs; the library is loaded before or after that. */
const programs: Readonly<Record<string, string>> = {
  'the mock timers of node:test': `
    const [realSetImmediate, realSetTimeout] = [setImmediate, setTimeout]
    ${print}
    const {mock} = await import('node:test')
    const {differences} = await import('./realms.js')
    mock.timers.enable({apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date']})
    // A rate goes by performance.now(), which is not mocked.
    await show(await differences(async (ms) => {
      await new Promise((resolve) => realSetTimeout(resolve, ms))
      mock.timers.tick(ms)
    }))
  `,
  'fake timers of Sinon, installed after the library': `
    const realSetImmediate = setImmediate
    ${print}
    const {differences} = await import('./realms.js')
    const {default: FakeTimers} = await import(${urlOf('@sinonjs/fake-timers')})
    const clock = FakeTimers.install()
    await show(await differences((ms) => clock.tickAsync(ms)))
  `,
  'fake timers of Sinon, installed before the library': `
    const realSetImmediate = setImmediate
    ${print}
    const {default: FakeTimers} = await import(${urlOf('@sinonjs/fake-timers')})
    const clock = FakeTimers.install()
    const {differences} = await import('./realms.js')
    // What waits for a turn of the event loop waits for this clock, too.
    await show(await differences((ms) => clock.tickAsync(ms + 1)))
  `,
  'zone.js': `
    const realSetImmediate = setImmediate
    ${print}
    await import(${urlOf('zone.js/node')})
    const {differences} = await import('./realms.js')
    const errors = []
    const zone = Zone.current.fork({
      name: 'tests',
      onHandleError: (_delegate, _current, _target, error) => {
        errors.push(String(error))
        return false
      },
    })
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
    await show([...(await zone.run(() => differences(sleep))), ...errors])
  `,
}

const jestTest = `
import {jest, test, expect} from '@jest/globals'
import {readFile} from 'node:fs/promises'
import {concurrent} from 'aio-tasks'
import {differences} from './realms.js'

test('by the real clock', async () => {
  expect(await differences((ms) => new Promise((resolve) => setTimeout(resolve, ms)))).toEqual([])
})

test('by a fake clock', async () => {
  jest.useFakeTimers()
  try {
    expect(await differences((ms) => jest.advanceTimersByTimeAsync(ms))).toEqual([])
  } finally {
    jest.useRealTimers()
  }
})

test('errors of Node are of another realm, and are named with their message', async () => {
  const error = await concurrent([() => readFile('missing')]).run().catch((error) => error)
  expect(error.cause instanceof Error).toBe(false)
  expect(error.message).toMatch(/^Task 0 failed: Error: ENOENT: no such file/)
})
`

export const realms: Check = (project) => {
  const {code} = transformSync(readFileSync(join(samples, 'realms.ts'), 'utf8'), {loader: 'ts', format: 'esm'})
  project.write('realms.js', code)
  const seen = Object.entries(programs).map(([name, program]) => {
    project.write('run-realms.js', program)
    const run = spawnSync(process.execPath, ['run-realms.js'], {
      cwd: project.folder,
      encoding: 'utf8',
      timeout: patience,
    })
    assert.equal(run.status, 0, `${name}: ${run.stdout}${run.stderr}${run.error?.message ?? ''}`)
    assert.deepEqual(JSON.parse(run.stdout), [], name)
    return `${name}: every run gives what it should`
  })
  return [...seen, jest(project)]
}

function jest(project: Parameters<Check>[0]): string {
  project.write('realms.test.js', jestTest)
  const config = {
    rootDir: project.folder,
    testEnvironment: 'node',
    transform: {},
    testMatch: ['**/realms.test.js'],
    moduleNameMapper: {'^@jest/globals$': require.resolve('@jest/globals')},
  }
  const program = require.resolve('jest/bin/jest')
  const args = ['--experimental-vm-modules', '--no-warnings', program, '--ci', '--json', '--runInBand']
  const run = spawnSync(process.execPath, [...args, '--config', JSON.stringify(config)], {
    cwd: project.folder,
    encoding: 'utf8',
    timeout: patience,
  })
  assert.equal(run.status, 0, `Jest: ${run.stderr}${run.error?.message ?? ''}`)
  const {numPassedTests, numTotalTests} = JSON.parse(run.stdout) as Record<string, unknown>
  assert.deepEqual([numPassedTests, numTotalTests], [3, 3])
  return 'Jest, with its own realm and its fake clock: every run gives what it should'
}
