/** Doc comments say enough for an editor's hover: every export and public member has one, and their examples compile. */
import {execFile} from 'node:child_process'
import {readdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {promisify} from 'node:util'
import test from 'ava'
import {assumed, compile, docExamples, removeFolder, root, snippetFolder} from './helpers/snippets.js'

/** What an editor can show of a file of declarations. */
interface Declared {
  readonly name: string
  readonly comment: string | undefined
}

/** A declaration, or a member of one, as the compiler writes it: on a line, indented by four spaces if a member. */
const declaration =
  /^export (?:declare )?(?:abstract )?(?:class|function|interface|type|const) (?<own>\w+)|^ {4}(?!#private)(?:(?:protected|static|readonly|get|abstract) )*(?<member>\[?[\w.]+\]?)[(<:?]/

/** Every export of a file of declarations, and each of its members, with the comment above it. */
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
    const {own, member} = declaration.exec(line)?.groups ?? {}
    if (own !== undefined) owner = own
    else if (/^\S/.test(line) && !line.startsWith('}')) owner = ''
    if (own !== undefined || (member !== undefined && owner !== ''))
      found.push({name: own ?? `${owner}.${member}`, comment: comment?.join('\n')})
    comment = undefined
  }
  return found
}

const undocumented = (declarations: readonly Declared[]): string[] =>
  declarations.filter(({comment}) => (comment ?? '').length < 30).map(({name}) => name)

test('every export and public member that the package declares has a doc comment', async (t) => {
  const folder = await snippetFolder([])
  t.teardown(() => removeFolder(folder))
  const args = ['-p', join(root, 'src'), '--outDir', join(folder, 'dist'), '--emitDeclarationOnly']
  await promisify(execFile)(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args])
  const index = await readFile(join(folder, 'dist/index.d.ts'), 'utf8')
  const exported = [...index.matchAll(/^export (?:type )?\{ (.+) \} from/gm)].flatMap(([, names = '']) =>
    names.split(', '),
  )

  const files = (await readdir(join(folder, 'dist'))).filter((name) => name.endsWith('.d.ts'))
  const all = new Map<string, Declared[]>()
  for (const file of files) all.set(file, declared(await readFile(join(folder, 'dist', file), 'utf8')))
  const types = all.get('types.d.ts') ?? []
  const isOf = (name: string): boolean => exported.some((own) => name === own || name.startsWith(`${own}.`))
  const visible = [...[...all.values()].flat().filter(({name}) => isOf(name)), ...types]

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
    t.true(
      visible.some((one) => one.name === name),
      `${name} is among what is declared`,
    )
  t.deepEqual(undocumented(visible), [])

  const examples = new Map(
    [...all.values()].flat().map(({name, comment}) => [name, comment?.includes('@example') ?? false]),
  )
  const exports = [...exported, ...types.map(({name}) => name).filter((name) => !name.includes('.'))]
  t.deepEqual(
    exports.filter((name) => examples.get(name) !== true),
    [],
    'every export has an example',
  )
})

test('what has no comment is found', (t) => {
  const declarations = `/** The first comment is that of the file itself. */
import { Hidden } from './hidden.js';
/** This has a comment that is long enough. */
export declare class Shown extends Hidden {
    #private;
    /** Short. */
    readonly short: number;
    constructor(options: {
        deep: number;
    });
    /** This has a comment that is long enough. */
    get both(): number;
    set both(value: number);
    bare<T>(): T;
    protected static hook(): void;
}
type Local = {
    inner: string;
};
export declare function bare(): void;
`
  t.deepEqual(undocumented(declared(declarations)), [
    'Shown.short',
    'Shown.constructor',
    'Shown.bare',
    'Shown.hook',
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
