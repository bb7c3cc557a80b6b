/** The code that the documentation shows: the README's snippets and the examples of doc comments. */
import {execFile} from 'node:child_process'
import {copyFile, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile} from 'node:fs/promises'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {prepare} from '../../.config/test/typescript-hooks.js'
import {typescript} from './typescript.js'

export interface Snippet {
  /** The file and the line where it begins. */
  readonly place: string
  readonly code: string
}

/** How a program ended; `null` if it did not end by itself. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export const root: string = fileURLToPath(new URL('../..', import.meta.url))
const patience = 60_000

/** What the examples of doc comments need not import or declare, for they are to be short. */
export const assumed = `
import type {ConcurrentRunner, Task, TaskQueue} from 'aio-tasks'

interface User {
  loadAvatar(): Promise<void>
  loadPosts(): Promise<void>
}

declare global {
  const urls: readonly string[]
  const url: string
  const files: readonly string[]
  const users: readonly User[]
  const tasks: ReadonlyArray<Task<string>>
  const runner: ConcurrentRunner<string>
  const queue: TaskQueue
  const socket: import('node:events').EventEmitter
  const paths: readonly string[]
  const connection: import('bullmq').ConnectionOptions
  const engine: import('aio-tasks/remote').ProducerEngine<unknown> & import('aio-tasks/remote').WorkerEngine
  const resize: (path: string, signal: AbortSignal) => Promise<string>
  type Job<D> = import('bullmq').Job<D>
  const load: (url: string, init?: object) => Promise<string>
  const answer: (message: unknown) => Promise<string>
  const linksOf: (page: string) => Promise<readonly string[]>
  const show: (user: User) => void
  const connect: () => {close(): Promise<void>}
  const sleep: typeof import('node:timers/promises').setTimeout
  const on: typeof import('node:events').on
  const stat: typeof import('node:fs/promises').stat
  const createReadStream: typeof import('node:fs').createReadStream
  const createInterface: typeof import('node:readline').createInterface
}
`

/** The pages for people, and the notes for coding assistants that the package holds. */
export const documents: readonly string[] = [
  'README.md',
  'examples/README.md',
  'src/README.md',
  'src/remote/README.md',
  'test/README.md',
  'test/bench/README.md',
  '.github/AGENTS.md',
  '.github/CONTRIBUTING.md',
  '.github/RELEASE.md',
  'CHANGELOG.md',
]

/** The snippets of a page, each a program of its own. */
export async function documentSnippets(document: string): Promise<Snippet[]> {
  return blocks(document.replace('.github/', ''), await readFile(join(root, document), 'utf8'))
}

/** Whether a snippet needs a Redis: such ones are run by `npm run test:remote`. */
export const needsRedis = ({code}: Snippet): boolean => code.includes("from 'aio-tasks/bullmq'")

/** Whether a snippet needs a Redis or a PostgreSQL. */
export const needsServer = (snippet: Snippet): boolean =>
  needsRedis(snippet) || snippet.code.includes("from 'aio-tasks/pg-boss'")

/**
 * The examples of doc comments in `src`, made programs by importing everything that the library exports, and those of
 * the README there, which import what they need.
 */
export async function docExamples(): Promise<Snippet[]> {
  const index = await readFile(join(root, 'src/index.ts'), 'utf8')
  const types = await readFile(join(root, 'src/types.ts'), 'utf8')
  const values = [...index.matchAll(/^export \{(.+)\} from/gm)].flatMap(([, names = '']) => names.split(', '))
  const typed = [...index.matchAll(/^export type \{(.+)\} from/gm)].flatMap(([, names = '']) => names.split(', '))
  for (const [, name = ''] of types.matchAll(/^export (?:type|interface) (\w+)/gm)) typed.push(name)
  const own = `import {${[...values, ...typed.map((name) => `type ${name}`)].join(', ')}} from 'aio-tasks'; `

  const sources = 'EngineError, LostJobError, RemoteJobError, remoteTasks, workerTasks'
  const shared = ['QueueLocation', 'RemoteJobOptions', 'RemoteTasksOptions', 'WorkerTasksOptions']
    .map((name) => `type ${name}`)
    .join(', ')
  const policies = await readFile(join(root, 'src/governors/index.ts'), 'utf8')
  const names = [...policies.matchAll(/^export (type )?\{(.+)\} from/gm)].flatMap(([, type = '', list = '']) =>
    list
      .split(', ')
      .map((name) => (name.startsWith('type ') ? name : type + name))
      .filter((name) => !typed.includes(name.replace('type ', ''))),
  )
  const heads: Readonly<Record<string, string>> = {
    governors: `import {${names.join(', ')}} from 'aio-tasks/governors'; `,
    remote: `import {Batch, ${sources}, type RemoteJobErrorDetails} from 'aio-tasks/remote'; `,
    bullmq: `import {${sources}, ${shared}, type JobHandler, type RemoteWorkerOptions, type WorkerTasks} from 'aio-tasks/bullmq'; `,
    'pg-boss': `import {${sources}, ${shared}, type PgBossJob} from 'aio-tasks/pg-boss'; import {PgBoss} from 'pg-boss'; `,
  }

  const all = await readdir(join(root, 'src'), {recursive: true})
  const files = all.filter((name) => name.endsWith('.ts'))
  const readme = 'src/remote/README.md'
  const found: Snippet[] = blocks(readme, await readFile(join(root, readme), 'utf8'))
  for (const name of files) {
    const text = await readFile(join(root, 'src', name), 'utf8')
    const comments = text.replaceAll(/^.*$/gm, (line) => (/^\s*\* ?(?!\/)/.test(line) ? line : ''))
    const examples = blocks(`src/${name}`, comments.replaceAll(/^\s*\* ?/gm, ''))
    const head = own + (heads[name.split('/')[0] ?? ''] ?? '')
    found.push(...examples.map(({place, code}) => ({place, code: head + code})))
  }
  return found
}

function blocks(file: string, text: string): Snippet[] {
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({index, 1: code = ''}) => ({
    place: `${file}:${text.slice(0, index).split('\n').length + 1}`,
    code,
  }))
}

/**
 * A folder in which the snippets are programs that find the library's source and the development dependencies.
 *
 * @param ambient Declarations that they need not make themselves.
 */
export async function snippetFolder(snippets: readonly Snippet[], ambient = ''): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'aio-tasks-snippets-')))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const compilerOptions = {
    paths: Object.fromEntries(
      ['', '/governors', '/remote', '/bullmq', '/pg-boss'].map((entry) => [
        `aio-tasks${entry}`,
        [join(root, `src${entry}/index.ts`)],
      ]),
    ),
    noEmit: true,
    isolatedDeclarations: false,
    declaration: false,
    noUnusedLocals: false,
  }
  const config = {extends: join(root, 'tsconfig.json'), compilerOptions, include: ['**/*.ts'], exclude: []}
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(folder, 'package.json'), '{"type": "module"}')
  await writeFile(join(folder, 'assumed.d.ts'), ambient)
  const files = snippets.map((snippet) => join(folder, fileOf(snippet)))
  for (const [index, {code}] of snippets.entries()) {
    const file = files[index] ?? ''
    await mkdir(join(file, '..'), {recursive: true})
    await writeFile(file, `${code}\nexport {}\n`)
  }
  await prepare(files)
  return folder
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, {recursive: true})
}

/** The name of a snippet's program. */
export function fileOf({place}: Pick<Snippet, 'place'>): string {
  return `${place.replace(':', '-')}.ts`
}

/** Compiles the programs of a folder; tells the compiler's complaints, or nothing. */
export async function compile(folder: string): Promise<string> {
  const {stdout} = await run(join(root, 'node_modules/typescript/bin/tsc'), ['-p', folder], folder)
  return stdout
}

/** Runs a program of the folder to its end, where what it fetches is answered locally. */
export function runSnippet(folder: string, snippet: Snippet): Promise<Ended> {
  const standIn = new URL('fetch.js', import.meta.url).href
  return run(typescript, [`--import=${standIn}`, fileOf(snippet)], folder)
}

/**
 * Runs examples one after the other, each runner of theirs ended in the given way; what was printed.
 *
 * @param connection The Redis that they assume.
 */
export async function runExamples(
  folder: string,
  examples: readonly Snippet[],
  ending: string,
  connection?: object,
): Promise<Ended> {
  const program = join(folder, 'test/helpers/run-examples.ts')
  await mkdir(join(folder, 'test/helpers'), {recursive: true})
  await mkdir(join(folder, 'examples'), {recursive: true})
  await copyFile(new URL('run-examples.ts', import.meta.url), program)
  await copyFile(join(root, 'examples/engine.ts'), join(folder, 'examples/engine.ts'))
  const env = {...process.env, AIO_TASKS_CONNECTION: JSON.stringify(connection ?? null)}
  return run(typescript, [program, ending, ...examples.map(fileOf)], folder, env)
}

/** An example that gives what it makes to whoever imports it. */
export function exporting({place, code}: Snippet): Snippet {
  const given = {
    items: 'items',
    source: 'source',
    tasks: 'tasks as source',
    named: 'named as made',
    worker: 'worker as made',
    model: 'model as governor',
    get: 'get as call',
    query: 'query as call',
  }
  const exported = Object.entries(given)
    .filter(([name]) => new RegExp(`(?:^|; )(?:const|async function\\*?) ${name}\\b`, 'm').test(code))
    .map(([, text]) => text)
  return {place, code: `${code}\nexport {${exported.join(', ')}}`}
}

/**
 * What is wrong with how a snippet ended, or `undefined`. It must end by itself and well; and the lines that it
 * prints must be those that its comments `// → line` promise, in their order, if it has any.
 */
export function problemOf({place, code}: Snippet, {status, stdout, stderr}: Ended): string | undefined {
  if (status === null) return `${place} does not end by itself\n${stdout}${stderr}`
  if (status !== 0) return `${place} ends with status ${status}\n${stderr}`
  const promised = [...code.matchAll(/\/\/ → (.*)$/gm)].map(([, line = '']) => `${line.trimEnd()}\n`).join('')
  if (promised === '' || promised === stdout) return undefined
  return `${place} promises\n${promised}and prints\n${stdout}`
}

function run(program: string, args: readonly string[], cwd: string, env = process.env): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [program, ...args], {cwd, env, timeout: patience}, (_, stdout, stderr) =>
      resolve({status: child.exitCode, stdout, stderr}),
    )
  })
}
