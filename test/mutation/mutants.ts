/** Breaks the library in all ways at once: one source with a switch for each mutant, by Stryker's instrumenter. */
import {readdirSync, readFileSync} from 'node:fs'
import {basename, join} from 'node:path'
import {Instrumenter} from '@stryker-mutator/instrumenter'

/** One way to break the library. */
export interface Mutant {
  /** The id by which the mutant is switched on. */
  readonly id: string
  /** As in `src/run.ts`. */
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  readonly column: number
  readonly mutator: string
  readonly original: string
  readonly replacement: string
}

export interface Instrumented {
  readonly mutants: readonly Mutant[]
  /** The source with the switches, by the file's path in the project. */
  readonly sources: ReadonlyMap<string, string>
}

/** Files of types and exports: there is no code to break. */
const withoutCode = new Set(['types.ts', 'index.ts'])
/** Their tests need a server. */
const elsewhere = /^(bullmq|pg-boss|remote)[\\/]/

export async function instrument(root: string): Promise<Instrumented> {
  const files = readdirSync(join(root, 'src'), {recursive: true, encoding: 'utf8'})
    .filter((name) => name.endsWith('.ts') && !withoutCode.has(basename(name)) && !elsewhere.test(name))
    .map((name) => ({name: `src/${name}`, content: readFileSync(join(root, 'src', name), 'utf8'), mutate: true}))
  const options = {plugins: null, excludedMutations: [], ignorers: []}
  const {files: instrumented, mutants} = await new Instrumenter(silent).instrument(files, options)
  const contents = new Map(files.map(({name, content}) => [name, content]))
  return {
    sources: new Map(instrumented.map(({name, content}) => [name, content])),
    mutants: mutants.map(({id, fileName, mutatorName, replacement, location: {start, end}}) => ({
      id,
      file: fileName,
      line: start.line + 1,
      column: start.column + 1,
      mutator: mutatorName,
      original: excerpt(contents.get(fileName) ?? '', start, end),
      replacement,
    })),
  }
}

interface Position {
  readonly line: number
  readonly column: number
}

function excerpt(content: string, start: Position, end: Position): string {
  const lines = content.split('\n').slice(start.line, end.line + 1)
  const last = lines.length - 1
  return lines
    .map((line, at) => line.slice(at === 0 ? start.column : 0, at === last ? end.column : undefined))
    .join('\n')
}

const ignore = (): void => {}
const no = (): boolean => false
const silent = {
  isTraceEnabled: no,
  isDebugEnabled: no,
  isInfoEnabled: no,
  isWarnEnabled: no,
  isErrorEnabled: no,
  isFatalEnabled: no,
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
}
