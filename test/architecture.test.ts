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
  readonly imports: readonly Import[]
}

const folder = new URL('../src/', import.meta.url)

const rooms: readonly Room[] = readdirSync(folder, {recursive: true, encoding: 'utf8'})
  .filter((name) => name.endsWith('.ts'))
  .map((name) => {
    const text = readFileSync(new URL(name, folder), 'utf8')
    return {name, text, imports: importsOf(withoutComments(text))}
  })

/** What is beside the core: entries of their own, and the queue. */
const outside = /^(?:queue|governors|remote|bullmq|pg-boss)\//

const core: readonly Room[] = rooms.filter(({name}) => !outside.test(name))

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, '')
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

/** The files of src that a file imports. */
function targets({name, imports}: Room): string[] {
  return imports.flatMap((entry) => target(name, entry) ?? [])
}

/** The files that import a file of src. */
function importersOf(name: string): string[] {
  return rooms.filter((room) => targets(room).includes(name)).map((room) => room.name)
}

/** The files that import from a package. */
function usersOf(specifier: RegExp): string[] {
  return rooms.filter(({imports}) => imports.some(({from}) => specifier.test(from))).map(({name}) => name)
}

test('the imports of src are found', (t) => {
  t.deepEqual(importersOf('run.ts').toSorted(), ['consumer.ts', 'runner.ts'])
  t.true(core.length >= 20)
})

// Who may know whom

/** The parts of a run, and who may import each: they know neither one another nor who puts them together. */
const inside: Readonly<Record<string, readonly string[]>> = {
  'run.ts': ['consumer.ts', 'runner.ts'],
  'consumer.ts': ['runner.ts'],
  'lifecycle.ts': ['failures.ts', 'run.ts'],
  'failures.ts': ['run.ts'],
  'caller.ts': ['run.ts'],
  'source.ts': ['run.ts', 'queue/queue-iterator.ts'],
  'slots.ts': ['run.ts', 'deadlines.ts'],
  'results.ts': ['run.ts'],
  'deadlines.ts': ['run.ts', 'runner.ts'],
  'retry.ts': ['admission.ts', 'run.ts'],
  'admission.ts': ['run.ts'],
  'emitter.ts': ['run.ts', 'runner.ts'],
}

for (const [name, allowed] of Object.entries(inside))
  test(`${name} is known to ${allowed.join(' and ')} alone`, (t) => {
    t.deepEqual(importersOf(name).toSorted(), allowed.toSorted())
  })

/** What each of them may import, so that it can be read, tested and replaced by itself. */
const leaves: Readonly<Record<string, readonly string[]>> = {
  'checks.ts': [],
  'fifo.ts': [],
  'errors.ts': [],
  'types.ts': ['errors.ts'],
  'results.ts': ['fifo.ts'],
  'retry.ts': ['context.ts', 'fifo.ts', 'options.ts', 'platform/runtime.ts', 'task.ts', 'types.ts'],
  'admission.ts': ['checks.ts', 'context.ts', 'retry.ts', 'task.ts', 'types.ts'],
  'line.ts': [
    'context.ts',
    'options.ts',
    'platform/runtime.ts',
    'queue/groups.ts',
    'queue/priority-queue.ts',
    'task.ts',
    'types.ts',
  ],
  'caller.ts': ['context.ts', 'platform/runtime.ts', 'task.ts', 'tracing.ts', 'types.ts'],
  'failures.ts': ['checks.ts', 'errors.ts', 'lifecycle.ts', 'platform/runtime.ts', 'task.ts', 'types.ts'],
  'lifecycle.ts': ['platform/runtime.ts', 'platform/shared-listener.ts', 'types.ts'],
  'slots.ts': ['context.ts', 'task.ts', 'types.ts'],
  'deadlines.ts': ['event-loop.ts', 'platform/runtime.ts', 'slots.ts'],
  'event-loop.ts': ['platform/runtime.ts'],
  'emitter.ts': ['checks.ts', 'errors.ts', 'platform/runtime.ts', 'types.ts'],
  'source.ts': ['checks.ts', 'errors.ts', 'fifo.ts', 'iterable.ts', 'mapped.ts', 'task.ts', 'types.ts'],
  'queue/priority-queue.ts': [],
  'queue/groups.ts': ['options.ts', 'platform/runtime.ts', 'queue/priority-queue.ts', 'task.ts', 'types.ts'],
  'platform/runtime.ts': [],
  'platform/shared-listener.ts': ['platform/runtime.ts'],
}

for (const [name, allowed] of Object.entries(leaves))
  test(`${name} knows ${allowed.length > 0 ? `only ${allowed.join(', ')}` : 'no other file'}`, (t) => {
    const room = rooms.find((other) => other.name === name)
    t.truthy(room)
    if (room)
      t.deepEqual(
        targets(room).filter((next) => !allowed.includes(next)),
        [],
      )
  })

test('of the queue the core knows only how tasks wait, and it does not import governors or what leads past one machine', (t) => {
  const crossing = core.flatMap((room) =>
    targets(room)
      .filter((next) => outside.test(next))
      .map((next) => `${room.name} → ${next}`),
  )
  t.deepEqual(crossing, [
    'index.ts → queue/task-queue.ts',
    'line.ts → queue/groups.ts',
    'line.ts → queue/priority-queue.ts',
  ])
})

// Who may know which package

test('only emitter.ts knows eventemitter3', (t) => {
  t.deepEqual(usersOf(/^eventemitter3/), ['emitter.ts'])
})

test('the core and the queue import no other package than eventemitter3 and p-defer, and nothing of Node', (t) => {
  const local = rooms.filter(({name}) => !/^(?:governors|remote|bullmq|pg-boss)\//.test(name))
  const packages = local.flatMap(({imports}) => imports.map(({from}) => from).filter((from) => !from.startsWith('.')))
  t.deepEqual([...new Set(packages)].toSorted(), ['eventemitter3', 'p-defer'])
})

test('BullMQ and pg-boss are known to their own folders alone; of pg-boss only its types, for the instance is the user’s', (t) => {
  for (const [name, specifier] of [
    ['bullmq', /^(?:bullmq|ioredis)(?:\/|$)/],
    ['pg-boss', /^pg-boss(?:\/|$)/],
  ] as const)
    for (const room of rooms)
      for (const {from, isType} of room.imports)
        if (specifier.test(from))
          t.true(room.name.startsWith(`${name}/`) && (isType || name === 'bullmq'), `${room.name} imports ${from}`)
  t.pass()
})

test('the dependencies at run time are eventemitter3 and p-defer', (t) => {
  const {dependencies} = JSON.parse(readFileSync(new URL('../package.json', folder), 'utf8')) as {dependencies: object}
  t.deepEqual(Object.keys(dependencies).sort(), ['eventemitter3', 'p-defer'])
})

// What each file is

test('types.ts has no code that runs', (t) => {
  const room = rooms.find(({name}) => name === 'types.ts')
  t.true(room?.imports.every(({isType}) => isType))
  t.notRegex(withoutComments(room?.text ?? 'const'), /^\s*(?:export\s+)?(?:const|let|var|function|class|enum)\b/m)
})

for (const {name, text} of rooms)
  test(`${name} begins with one comment that says its one job`, (t) => {
    t.regex(text, /^\/\*\* \S[^\n]{20,}\. \*\/\n|^\/\*\*\n \* \S(?:(?!\*\/)[\s\S]){20,}\.\n \*\/\n/)
  })
