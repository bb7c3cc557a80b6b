/** The example of a cluster does what its text says. */
import {type ChildProcess, execFileSync, spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {buffer, text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {range, until} from './helpers/queue.js'
import {useRedis} from './helpers/redis.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const redis = useRedis()

test.serial('one of three workers is killed half-way, and sha256sum accepts every file all the same', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-files-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  mkdirSync(join(folder, 'sub'))
  const names = ['with space', 'new\nline', 'back\\slash', 'ümlaut', ...range(600).map((number) => `sub/file${number}`)]
  for (const name of names) writeFileSync(join(folder, name), `content of ${name}`)
  writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), Buffer.from([0xff, 0xfe])]), 'no UTF-8')

  const child = spawn(process.execPath, ['--import=tsx', 'examples/cluster/run.ts', folder], {cwd: root})
  const [output, errors] = await Promise.all([buffer(child.stdout), text(child.stderr), once(child, 'close')])
  t.is(child.exitCode, 0, errors)
  t.regex(errors, /^303 files are done: one worker is killed$/m)
  t.is(errors.match(/^ready$/gm)?.length, 3)
  t.is(errors.match(/^\d+ files$/gm)?.length, 2, 'the two that were not killed have ended by themselves')

  const expected = execFileSync('sh', ['-c', 'find "$1" -type f -exec sha256sum {} +', 'sh', folder])
  const lines = (lists: Buffer): string[] => lists.toString('latin1').trim().split('\n').sort()
  t.deepEqual(lines(output), lines(expected))
  t.is(lines(output).length, names.length + 1)
  const checked = spawnSync('sha256sum', ['--check', '--strict', '--quiet'], {input: output, encoding: 'utf8'})
  t.deepEqual([checked.status, checked.stdout], [0, ''])
})

/** Runs a program of the example, and waits for its end. */
async function outcomeOf(
  name: string,
  args: readonly string[] = [],
  {
    env = {},
    during,
  }: {env?: NodeJS.ProcessEnv; during?: (child: ChildProcess, errors: () => string) => Promise<void>} = {},
): Promise<{errors: string; status: number | null}> {
  const path = `examples/cluster/${name}.ts`
  const child = spawn(process.execPath, ['--import=tsx', path, ...args], {cwd: root, env: {...process.env, ...env}})
  let errors = ''
  child.stderr.setEncoding('utf8').on('data', (written: string) => (errors += written))
  const closed = once(child, 'close')
  await during?.(child, () => errors)
  if (!child.stdout.destroyed) child.stdout.resume()
  await closed
  return {errors, status: child.exitCode}
}

/** The processes and folders that other programs left before these tests. */
let others: readonly string[] = []
others = leftovers()

/** The folders and processes of `run.ts` that exist now. */
function leftovers(): string[] {
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith('aio-tasks-cluster-'))
  const processes = execFileSync('ps', ['-eo', 'args'], {encoding: 'utf8'})
  const all = folders.concat(
    processes.split('\n').filter((line) => line.includes('examples/cluster/') && !line.includes('ps ')),
  )
  return all.filter((each) => !others.includes(each))
}

test.serial('a missing folder is reported in one line, and no file or process is left', async (t) => {
  t.deepEqual(await outcomeOf('run', ['/nowhere']), {errors: 'There is no folder /nowhere\n', status: 2})
  t.deepEqual(leftovers(), [])
})

test.serial('a missing redis-server is reported in one line, and no file or process is left', async (t) => {
  const env = {PATH: '/nowhere'}
  const {errors, status} = await outcomeOf('run', ['test'], {env})
  t.deepEqual([errors, status], ['There is no redis-server on the PATH: apt install redis-server\n', 2])
  t.deepEqual(leftovers(), [])
})

for (const [title, end] of [
  ['its reader goes away', (child: ChildProcess) => void child.stdout?.destroy()],
  ['it is ended by SIGTERM', (child: ChildProcess) => void child.kill('SIGTERM')],
  ['it is ended by SIGINT', (child: ChildProcess) => void child.kill('SIGINT')],
] as const)
  test.serial(`no file or process is left when ${title}`, async (t) => {
    await outcomeOf('run', ['node_modules'], {
      during: async (child) => {
        if (child.stdout) await once(child.stdout, 'data')
        end(child)
      },
    })
    await until(() => leftovers().length === 0)
    t.deepEqual(leftovers(), [])
  })

test.serial('without Redis a worker and a producer say so in one line each, and wait for it', async (t) => {
  const env = {REDIS_PORT: '1'}
  for (const name of ['worker', 'producer']) {
    const {errors, status} = await outcomeOf(name, ['test'], {
      env,
      during: async (child, soFar) => {
        await until(() => soFar().includes('\n'))
        await sleep(1500) // it has tried again
        child.kill('SIGTERM')
      },
    })
    t.is(errors.split('\n')[0], 'Redis cannot be reached at 127.0.0.1:1 (ECONNREFUSED); waiting for it')
    t.is(errors.match(/cannot be reached/g)?.length, 1, errors)
    t.true(status === 0 || status === 143)
  }
})

test.serial('one command shows the queue in Bull Board, and ends at a signal', async (t) => {
  const env = {REDIS_PORT: `${redis.port}`, PORT: '0'}
  let queues: unknown
  const {errors, status} = await outcomeOf('board', [], {
    env,
    during: async (child, soFar) => {
      await until(() => soFar().includes('\n'))
      const address = /^Bull Board is on (\S+)$/m.exec(soFar())?.[1]
      queues = await (await fetch(`${address}/api/queues`)).json()
      child.kill('SIGTERM')
    },
  })
  t.like(queues, {queues: [{name: 'checksums'}]})
  t.is(errors.trim().split('\n').length, 1)
  t.is(status, 0)
})
