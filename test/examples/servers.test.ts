import {once} from 'node:events'
import {existsSync} from 'node:fs'
import {dirname} from 'node:path'
import {createInterface} from 'node:readline'
import test from 'ava'
import {command, start} from './child.js'

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  test(`the servers answer until ${signal}, which leaves neither them nor their folder behind`, async (t) => {
    const child = start(command('servers'))
    t.teardown(() => child.kill('SIGKILL'))
    const lines: string[] = []
    for await (const line of createInterface(child.stdout)) if (lines.push(line) === 4) break
    t.deepEqual(
      lines.map((line) => line.split(' ').slice(0, 3).join(' ')),
      ['llm', 'ingest', 'downloader', 'tenants'].map((name) => `npx tsx examples/${name}.ts`),
    )
    const [, , , url = '', prompts = ''] = lines[1]?.split(' ') ?? []
    t.is((await fetch(url)).status, 200)
    const folder = dirname(prompts)
    t.true(existsSync(folder))
    const exited = once(child, 'exit')
    child.kill(signal)
    t.deepEqual(await exited, [0, null])
    t.false(existsSync(folder))
    await t.throwsAsync(fetch(url))
  })
