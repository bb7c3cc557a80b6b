/** How long it takes to import each package, in a process of its own. */
import {execFile} from 'node:child_process'
import {promisify} from 'node:util'
import {contenders} from '../contenders/index.js'
import type {Plan} from '../plan.js'
import {type Summary, summarise} from '../stats.js'
import {version} from '../versions.js'

const run = promisify(execFile)

const script = (url: string): string => `
  const start = performance.now()
  await import(${JSON.stringify(url)})
  console.log(performance.now() - start)`

export async function measureImports({rounds}: Plan): Promise<Record<string, Summary>> {
  const urls = new Map([['(an empty module)', 'data:text/javascript,']])
  for (const {package: name} of contenders)
    if (name !== undefined) urls.set(`${name} ${version(name)}`, addressOf(name))
  const samples = new Map([...urls.keys()].map((name) => [name, [] as number[]]))
  for (let round = 0; round < rounds; round++)
    for (const [name, url] of urls) {
      const {stdout} = await run(process.execPath, ['--input-type=module', '--eval', script(url)])
      samples.get(name)?.push(Number(stdout))
    }
  return Object.fromEntries([...samples].map(([name, times]) => [name, summarise(times)]))
}

function addressOf(name: string): string {
  return name === 'aio-tasks' ? new URL('../../../../dist/index.js', import.meta.url).href : import.meta.resolve(name)
}
