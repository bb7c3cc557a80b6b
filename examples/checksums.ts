/**
 * Prints the SHA-256 of every file below a folder, as `sha256sum` does, each as soon as it is known:
 *
 *     npm start --silent -- FOLDER | sha256sum --check
 */
import {createHash} from 'node:crypto'
import {statSync} from 'node:fs'
import {constants, open, readdir} from 'node:fs/promises'
import {parseArgs} from 'node:util'
import {ConcurrentError, ConcurrentRunner, defaultLimit, type TaskContext} from 'aio-tasks'
import {MultiBar} from 'cli-progress'

const help = `Usage: npm start -- [FOLDER] [--limit N]

Prints the SHA-256 of every file below FOLDER (default: node_modules), in the format of sha256sum, with at most
N files open (default: ${defaultLimit()}). Files are what \`find FOLDER -type f\` finds: links are not followed.
Exit status: 0 done, 1 something could not be read or written, 2 wrong arguments, 130 or 143 interrupted.
`

// A name need not be valid UTF-8, so a path is a string of bytes here: one `latin1` character for each.
const toBytes = (path: string): Buffer => Buffer.from(path, 'latin1')
const escape = (path: string): string => path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')

function fail(path: string, cause: unknown): never {
  throw new Error(`${escape(path)}: ${(cause as Error).message.split(', ')[0]}`, {cause})
}

/** The source: walks on when the runner has room, and yields a task for each file, and for what it cannot list. */
async function* files(top: string) {
  const folders = [top.endsWith('/') ? top : `${top}/`]
  for (const folder of folders)
    try {
      for (const entry of await readdir(toBytes(folder), {encoding: 'buffer', withFileTypes: true})) {
        const path = folder + entry.name.toString('latin1')
        if (entry.isDirectory()) folders.push(`${path}/`)
        else if (entry.isFile()) yield ({signal}: TaskContext) => checksum(path, signal)
      }
    } catch (error) {
      yield () => fail(folder, error)
    }
}

/** One task: the line for one file. When it settles, and it does soon after the signal, the file is closed. */
async function checksum(path: string, signal: AbortSignal): Promise<string> {
  try {
    // What was a file may have been replaced: a link is not followed, a pipe not waited for.
    await using file = await open(toBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!(await file.stat()).isFile()) throw new Error('no longer a file')
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(65_536)
    let size: number
    do {
      signal.throwIfAborted()
      size = (await file.read(buffer)).bytesRead
      hash.update(buffer.subarray(0, size))
    } while (size > 0)
    const name = escape(path)
    return `${name === path ? '' : '\\'}${hash.digest('hex')}  ${name}\n`
  } catch (error) {
    return fail(path, error)
  }
}

function readArguments(): {folder: string; limit: number} {
  try {
    const {values, positionals} = parseArgs({
      allowPositionals: true,
      options: {limit: {type: 'string', default: `${defaultLimit()}`}, help: {type: 'boolean'}},
    })
    if (values.help) {
      process.stdout.write(help)
      process.exit()
    }
    const [folder = 'node_modules', ...others] = positionals
    if (others.length > 0) throw new Error(`Expected one FOLDER; got '${positionals.join("', '")}'`)
    if (!/^[1-9]\d*$/.test(values.limit)) throw new Error(`--limit must be an integer ≥ 1; got '${values.limit}'`)
    if (!statSync(folder, {throwIfNoEntry: false})?.isDirectory())
      throw new Error(`FOLDER must be an existing folder; got '${folder}'`)
    return {folder: Buffer.from(folder).toString('latin1'), limit: Number(values.limit)}
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${help}`)
    return process.exit(2)
  }
}

/** Draws a bar: the runner's events move it on, and a second walk runs ahead to count how far it has to go. */
async function showProgress(): Promise<void> {
  const bar = bars.create(0, 0)
  for (const event of ['result', 'error'] as const) runner.on(event, () => bar.increment())
  runner.on('drain', () => bars.stop())
  for await (const _ of files(folder))
    if (bars.isActive) bar.setTotal(bar.getTotal() + 1)
    else break
}

/** Writes one line and waits until it is taken: whoever reads sets the pace, and an exit cuts no line in two. */
function print(line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const isBarInTheWay = bars.isActive && process.stdout.isTTY
    if (isBarInTheWay) process.stderr.write('\r\x1B[K')
    process.stdout.write(line, 'latin1', (error) => (error ? reject(error) : resolve()))
    if (isBarInTheWay) bars.update()
  })
}

process.chdir(process.env['INIT_CWD'] ?? '.') // npm runs this where package.json is, and tells where its user is
const {folder, limit} = readArguments()
const runner = new ConcurrentRunner(files(folder), {limit, yieldExceptions: true})
const bars = new MultiBar({linewrap: true, forceRedraw: true})
const failures: string[] = []

// Leaves the loop below, waits until no file is open, and goes, even with a line that nobody takes.
const interrupt = (_: string, number: number) =>
  void runner[Symbol.asyncDispose]().then(() => process.exit(128 + number))
process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
process.stdout.on('error', () => {}) // print() rejects with it
if (process.stderr.isTTY) void showProgress()

try {
  for await (const line of runner)
    if (line instanceof ConcurrentError) failures.push((line.cause as Error).message)
    else await print(line)
} catch (error) {
  const {code, message} = error as NodeJS.ErrnoException
  if (code !== 'EPIPE') failures.push(message) // a reader that has seen enough, as `head` has, is no failure
}
for (const failure of failures) process.stderr.write(`${failure}\n`, 'latin1')
if (failures.length > 0) process.exitCode = 1
