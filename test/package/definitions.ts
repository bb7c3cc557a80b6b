/** An editor's "go to definition" lands in the library's declarations, and hovering shows the doc comments. */
import assert from 'node:assert/strict'
import {spawn} from 'node:child_process'
import {readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {join} from 'node:path'
import {createInterface} from 'node:readline'
import type {Check} from './project.js'

const server = createRequire(import.meta.url).resolve('typescript-5.9/lib/tsserver.js')

/** What to look up in the sample, and the line that declares it. */
const sought: ReadonlyArray<readonly [text: string, declaration: RegExp]> = [
  ['concurrent([async', /^declare function concurrent\b/],
  ['ConcurrentRunner.map', /^declare class ConcurrentRunner\b/],
  ['map([', /^ {2}static map\b/],
  ['TaskQueue(settings', /^declare class TaskQueue\b/],
  ['push(async', /^ {2}push\b/],
  ['RunnerOptions = {', /^interface RunnerOptions\b/],
  ['highWaterMark', /^ {2}readonly highWaterMark\b/],
]

interface Place {
  readonly line: number
  readonly offset: number
}

interface Definition {
  readonly file: string
  readonly start: Place
}

interface Message {
  readonly type: string
  readonly request_seq?: number
  readonly success?: boolean
  readonly message?: string
  readonly body?: unknown
}

export const definitions: Check = async ({folder}) => {
  const file = join(folder, 'types/consumer.ts')
  const sample = readFileSync(file, 'utf8')
  const editor = openEditor()
  try {
    void editor.ask('open', {file})
    for (const [text, declaration] of sought) {
      const at = sample.indexOf(text)
      assert(at > 0, `the sample has ${text}`)
      const before = sample.slice(0, at).split('\n')
      const place = {file, line: before.length, offset: (before.at(-1)?.length ?? 0) + 1}

      const [found] = (await editor.ask('definition', place)) as Definition[]
      assert.equal(found?.file, join(folder, 'node_modules/aio-tasks/dist/index.d.ts'), text)
      const line = readFileSync(found.file, 'utf8').split('\n')[found.start.line - 1]
      assert.match(line ?? '', declaration)

      const {documentation} = (await editor.ask('quickinfo', place)) as {documentation: unknown}
      assert(typeof documentation === 'string' && documentation.length > 20, `hovering over ${text} shows its comment`)
    }
  } finally {
    editor.close()
  }
  return [`tsserver: ${sought.length} declarations are found, and hovering shows their comments`]
}

/** The part of TypeScript that editors talk to. */
function openEditor(): {ask(command: string, args: object): Promise<unknown>; close(): void} {
  const child = spawn(process.execPath, [server, '--disableAutomaticTypingAcquisition'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const awaited = new Map<number, (message: Message) => void>()
  createInterface(child.stdout).on('line', (line) => {
    if (!line.startsWith('{')) return
    const message = JSON.parse(line) as Message
    if (message.type === 'response') awaited.get(message.request_seq ?? 0)?.(message)
  })
  let sequence = 0
  return {
    ask: (command, args) =>
      new Promise((resolve, reject) => {
        const seq = ++sequence
        awaited.set(seq, ({success, message, body}) => {
          if (success) resolve(body)
          else reject(new Error(`${command}: ${message}`))
        })
        child.stdin.write(`${JSON.stringify({seq, type: 'request', command, arguments: args})}\n`)
      }),
    close: () => {
      child.kill()
    },
  }
}
