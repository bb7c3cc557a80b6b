/** Doc comments say enough for an editor's hover: every export and public member has one, and their examples compile. */
import {execFile} from 'node:child_process'
import {readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {promisify} from 'node:util'
import test from 'ava'
import {entries} from '../.config/entries.js'
import {
  assumed,
  compile,
  docExamples,
  exporting,
  removeFolder,
  root,
  runExamples,
  snippetFolder,
} from './helpers/snippets.js'
import {typescript} from './helpers/typescript.js'

/** What an editor can show of a file of declarations. */
interface Declared {
  readonly name: string
  readonly comment: string | undefined
}

/** A declaration, or a member of one, as the build writes it: on a line, indented by two spaces if a member. */
const declaration =
  /^(?:export )?(?:declare )?(?:abstract )?(?<kind>class|function|interface|type|const) (?<own>\w+)|^ {2}(?!#private)(?:(?:protected|static|readonly|override|get|abstract) )*(?<member>\[?[\w.]+\]?)[(<:?]/

/** Entries whose doc comments are not complete yet. */
const unfinished = new Set<string>()

/** Every declaration of a file, and each of its members, with the comment above it. */
function declared(declarations: string): Declared[] {
  const found: Declared[] = []
  let comment: string[] | undefined
  let isOpen = false
  let owner = ''
  for (const line of declarations.split('\n')) {
    if (line.trimStart().startsWith('/**')) {
      comment = []
      isOpen = true
    }
    if (isOpen) {
      comment?.push(line)
      isOpen = !line.trimEnd().endsWith('*/')
      continue
    }
    const {kind, own, member} = declaration.exec(line)?.groups ?? {}
    if (own !== undefined) owner = kind === 'function' || kind === 'const' ? '' : own
    if (own !== undefined || (member !== undefined && owner !== ''))
      found.push({name: own ?? `${owner}.${member}`, comment: comment?.join('\n')})
    comment = undefined
  }
  return found
}

/** The names that a file of declarations exports. */
function exportsOf(declarations: string): string[] {
  const names = [...declarations.matchAll(/^export \{([^}]*)\}/gm)].flatMap(([, list = '']) => list.split(','))
  return names.map((name) => name.trim().replace(/^type /, '')).filter((name) => name !== '')
}

/** Whether an entry exports a name that it has from another entry, which documents it. */
function isOfAnother(name: string, declarations: string): boolean {
  const imports = [
    ...declarations.matchAll(/^(?:import|export)(?: type)? \{([^}]*)\} from ['"]aio-tasks(?:\/\w+)?['"]/gm),
  ]
  const names = imports.flatMap(([, list = '']) => list.split(',').map((one) => one.trim()))
  return names.some((one) => one === name || one === `type ${name}` || one.endsWith(` as ${name}`))
}

/** Whether a name is that of a class, a function or a constant, and not of a type alone. */
function isValue(name: string, declarations: string): boolean {
  return new RegExp(`^declare (?:class|function|const) ${name}\\b`, 'm').test(declarations)
}

/** The names that are visible: what is exported, and the classes that exported ones inherit from. */
function visibleNames(declarations: string): string[] {
  const exported = exportsOf(declarations)
  const bases = exported.map((name) => {
    const [head = ''] = new RegExp(`^declare class ${name}\\b[^]*?\\{$`, 'm').exec(declarations) ?? []
    return [...head.matchAll(/\bextends (\w+)/g)].at(-1)?.[1]
  })
  return [...exported, ...bases.filter((base) => base !== undefined)]
}

const undocumented = (declarations: readonly Declared[]): string[] =>
  declarations.filter(({comment}) => (comment ?? '').length < 30).map(({name}) => name)

test('every export and public member that the package declares has a doc comment', async (t) => {
  const folder = await snippetFolder([])
  t.teardown(() => removeFolder(folder))
  await promisify(execFile)(process.execPath, [typescript, join(root, '.config/build.ts'), join(folder, 'dist')])
  const seen: string[] = []
  for (const {name, output} of entries.filter(({name: each}) => !unfinished.has(each))) {
    const declarations = await readFile(join(folder, 'dist', output, 'index.d.ts'), 'utf8')
    const all = declared(declarations)
    const names = visibleNames(declarations)
    const visible = all.filter(({name: each}) => names.some((own) => each === own || each.startsWith(`${own}.`)))
    t.deepEqual(undocumented(visible), [], name)
    t.deepEqual(
      exportsOf(declarations)
        .filter((own) => !isOfAnother(own, declarations))
        // The types of an engine are shown whole in its README and in examples/engine.ts.
        .filter((own) => name !== 'aio-tasks/remote' || isValue(own, declarations))
        .filter((own) => !all.find((one) => one.name === own)?.comment?.includes('@example')),
      [],
      `every export of ${name} has an example`,
    )
    seen.push(...visible.map(({name: each}) => each))
  }
  for (const name of [
    'ConcurrentRunner.next',
    'ConcurrentRunner.ready',
    'TaskQueue.[Symbol.asyncIterator]',
    'concurrent',
    'RunnerOptions.limit',
    'RunnerEvents.drain',
    'ConcurrentError.constructor',
    'ConcurrentRunner.on',
    'mapped',
    'defaultLimit',
  ])
    t.true(seen.includes(name), `${name} is among what is declared`)
})

test('what has no comment is found', (t) => {
  const declarations = `/** The first comment is that of the file itself. */
import {Hidden} from './hidden.js'
/** This has a comment that is long enough. */
declare class Shown extends Hidden {
  #private
  /** Short. */
  readonly short: number
  constructor(options: {
    deep: number
  })
  /** This has a comment that is long enough. */
  get both(): number
  set both(value: number)
  bare<T>(): T
  protected static hook(): void
}
type Local = {
  inner: string
}
export declare function bare(): void
`
  t.deepEqual(undocumented(declared(declarations)), [
    'Shown.short',
    'Shown.constructor',
    'Shown.bare',
    'Shown.hook',
    'Local',
    'Local.inner',
    'bare',
  ])
})

test('the examples of doc comments compile', async (t) => {
  const examples = await docExamples()
  t.true(examples.length > 30)
  const folder = await snippetFolder(examples, assumed)
  t.teardown(() => removeFolder(folder))
  t.is(await compile(folder), '')
})

for (const ending of ['none', 'break', 'abort', 'a failing task'])
  test(`every example of doc comments that needs no server runs, its runners being left by: ${ending}`, async (t) => {
    const all = await docExamples()
    const alone = all.filter(({place}) => !/^src\/(?:bullmq|pg-boss)\/|README/.test(place))
    const examples = alone.map(exporting)
    t.log(`${examples.length} of ${all.length}`)
    for (const room of ['runner.ts', 'queue/', 'governors/', 'remote/'])
      t.true(
        examples.some(({place}) => place.startsWith(`src/${room}`)),
        room,
      )
    t.true(examples.length > 90)
    const folder = await snippetFolder(examples, assumed)
    t.teardown(() => removeFolder(folder))
    const {status, stdout, stderr} = await runExamples(folder, examples, ending)
    t.is(`${stdout}${stderr}`, `ran ${examples.length}\n`)
    t.is(status, 0)
  })
