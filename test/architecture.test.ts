import {readdirSync, readFileSync} from 'node:fs'
import test from 'ava'

interface Import {
  readonly from: string
  /** `import type`, which leaves nothing in the output. */
  readonly isType: boolean
}

interface Room {
  readonly name: string
  readonly text: string
  /** The text without comments and strings, for what only code can say. */
  readonly code: string
  readonly imports: readonly Import[]
  readonly hasClass: boolean
}

const folder = new URL('../src/', import.meta.url)

const rooms: readonly Room[] = readdirSync(folder, {recursive: true, encoding: 'utf8'})
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    const code = withoutStrings(withoutComments(text))
    return {name, text, code, imports: importsOf(withoutComments(text)), hasClass: /^export class /m.test(code)}
  })

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, '')
}

function withoutStrings(code: string): string {
  return code.replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`/g, "''")
}

/** Everything that a file imports, re-exports, or imports when it runs. */
function importsOf(code: string): Import[] {
  const fromImports = [...code.matchAll(/^(?:import|export)\s+(type\s+)?[^'";]*?\s?from\s+'([^']+)'/gm)]
  const bareImports = [...code.matchAll(/^import\s+()'([^']+)'|\bimport\(()'([^']+)'/gm)]
  return [...fromImports, ...bareImports].map(([, isType, from, , dynamic]) => ({
    from: from ?? dynamic ?? '',
    isType: Boolean(isType),
  }))
}

/** The file of src that an import leads to, or `undefined` for a package. */
function target(importer: string, {from}: Import): string | undefined {
  if (!from.startsWith('.')) return undefined
  return new URL(from.replace(/\.js$/, '.ts'), new URL(importer, folder)).href.slice(folder.href.length)
}

function targets(name: string): string[] {
  const room = rooms.find((other) => other.name === name)
  return (room?.imports ?? []).flatMap((entry) => target(name, entry) ?? [])
}

/** The first way back to a file that is on the path already. */
function cycleFrom(name: string, path: readonly string[] = []): readonly string[] | undefined {
  if (path.includes(name)) return [...path.slice(path.indexOf(name)), name]
  for (const next of targets(name)) {
    const cycle = cycleFrom(next, [...path, name])
    if (cycle) return cycle
  }
  return undefined
}

/** The files that import what the test asks for. */
function importersOf(isWanted: (from: string) => boolean): string[] {
  return rooms.filter(({imports}) => imports.some(({from}) => isWanted(from))).map(({name}) => name)
}

test('every file of src is found, and every import of one leads to one', (t) => {
  const names = rooms.map(({name}) => name)
  t.true(names.includes('index.ts'))
  t.true(names.length >= 17)
  for (const {name} of rooms) for (const next of targets(name)) t.true(names.includes(next), `${name} → ${next}`)
  t.true(targets('runner.ts').includes('pump.ts'))
})

test('nothing imports in a circle, not even types', (t) => {
  for (const {name} of rooms) t.is(cycleFrom(name)?.join(' → '), undefined)
})

for (const name of ['source.ts', 'slots.ts', 'results.ts']) {
  test(`${name} knows neither the other two rooms nor those who wire them`, (t) => {
    const strangers = new Set(['source.ts', 'slots.ts', 'results.ts', 'pump.ts', 'runner.ts'])
    t.deepEqual(
      targets(name).filter((next) => strangers.has(next)),
      [],
    )
  })
}

test('only emitter.ts knows eventemitter3', (t) => {
  t.deepEqual(
    importersOf((from) => from.startsWith('eventemitter3')),
    ['emitter.ts'],
  )
})

test('only runner.ts knows emitter.ts', (t) => {
  t.deepEqual(
    importersOf((from) => from.endsWith('/emitter.js')),
    ['runner.ts'],
  )
})

/** The ways past one machine, each an entry of its own. */
const entries = ['remote', 'bullmq', 'pg-boss'] as const

for (const [engine, folders] of [
  ['BullMQ', /^bullmq\//],
  ['pg-boss', /^pg-boss\//],
] as const)
  test(`only src/${engine.toLowerCase()} knows ${engine}`, (t) => {
    const importers = importersOf((from) => new RegExp(`^(${engine.toLowerCase()}|ioredis|pg)(/|$)`).test(from))
    t.true(importers.some((name) => folders.test(name)))
    for (const name of importers) t.regex(name, /^(bullmq|pg-boss)\//)
  })

test('the entry for pg-boss imports its types only: the instance is the user’s', (t) => {
  const imports = rooms.filter(({name}) => name.startsWith('pg-boss/')).flatMap((room) => room.imports)
  t.true(imports.filter(({from}) => from === 'pg-boss').every(({isType}) => isType))
})

test('the core imports none of the ways past one machine, and they import it by its name', (t) => {
  const entryOf = (name: string): string => entries.find((entry) => name.startsWith(`${entry}/`)) ?? 'core'
  for (const {name} of rooms)
    for (const next of targets(name)) {
      const [from, to] = [entryOf(name), entryOf(next)]
      // The engines share the small functions of remote, and none of its classes.
      const isShared = to === 'remote' && from !== 'core' && !rooms.find((room) => room.name === next)?.hasClass
      t.true(from === to || isShared, `${name} → ${next}`)
    }
})

test('nothing imports from Node, so that the core runs in browsers', (t) => {
  t.deepEqual(
    importersOf((from) => from.startsWith('node:')),
    [],
  )
})

test('the dependencies at run time are eventemitter3 and p-defer', (t) => {
  const {dependencies} = JSON.parse(readFileSync(new URL('../package.json', folder), 'utf8')) as {dependencies: object}
  t.deepEqual(Object.keys(dependencies).sort(), ['eventemitter3', 'p-defer'])
})

test('types.ts has no code that runs', (t) => {
  const {imports, code} = rooms.find(({name}) => name === 'types.ts') ?? {imports: [], code: 'missing'}
  t.true(imports.every(({isType}) => isType))
  t.notRegex(code, /^\s*(?:export\s+)?(?:const|let|var|function|class|enum)\b|missing/m)
})

for (const {name, text, code} of rooms) {
  test(`${name} begins with a comment that says its one job`, (t) => {
    t.regex(text, /^\/\*\* \S.{20,}\. \*\/\n/)
  })

  test(`${name} has no value of type any`, (t) => {
    t.notRegex(code, /(?<!\.)\bany\b/) // `AbortSignal.any` may stand
  })
}

test('index.ts has no more than 15 lines', (t) => {
  const {text = ''} = rooms.find(({name}) => name === 'index.ts') ?? {}
  t.true(text.trimEnd().split('\n').length <= 15)
})
