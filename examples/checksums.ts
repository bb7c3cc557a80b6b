/**
 * Prints the SHA-256 of every file below a folder, as `sha256sum` does, each as soon as it is known:
 *
 *     npm start --silent -- FOLDER | sha256sum --check
 */
import {createHash} from 'node:crypto'
import {statSync} from 'node:fs'
import {constants, open, readdir} from 'node:fs/promises'
import {ConcurrentError, ConcurrentRunner, defaultLimit, type TaskContext} from 'aio-tasks'
import cliProgress from 'cli-progress'
import {BottomLine, isScreen} from './bottom-line.js'
import {checkPositionals, readArguments, readCount, untilEnded} from './program.js'
import {Progress, spoken} from './progress.js'

const help = `Usage: npm start -- [FOLDER] [--limit N]

Prints the SHA-256 of every file below FOLDER (default: src), in the format of sha256sum, with at most N files open
(default: ${defaultLimit()}), and then a summary on stderr. On a terminal, a bar at the bottom shows how far it is.
Files are what \`find FOLDER -type f\` finds: links are not followed.
Exit status: 0 done, 1 something could not be read or written, 2 wrong arguments, 130 or 143 interrupted.
`

// A name need not be valid UTF-8, so a path is a string of bytes here: one `latin1` character for each.
const toBytes = (path: string): Buffer => Buffer.from(path, 'latin1')
const escape = (path: string): string => path.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r')

function fail(path: string, cause: unknown): never {
  throw new Error(`${escape(path)}: ${(cause as Error).message.split(', ')[0]}`, {cause})
}

/**
 * The source: walks on when the runner has room, and yields a task for each file, and for each folder that it cannot list.
 *
 * @param top The folder; each character is a byte of its name.
 * @param add Called with the number of bytes that have been read.
 */
export async function* files(
  top: string,
  add: (bytes: number) => void = () => {},
): AsyncGenerator<(context: TaskContext) => Promise<string>> {
  const folders = [top.endsWith('/') ? top : `${top}/`]
  for (const folder of folders)
    try {
      for (const entry of await readdir(toBytes(folder), {encoding: 'buffer', withFileTypes: true})) {
        const path = folder + entry.name.toString('latin1')
        if (entry.isDirectory()) folders.push(`${path}/`)
        else if (entry.isFile()) yield ({signal}: TaskContext) => checksum(path, signal, add)
      }
    } catch (error) {
      yield async () => fail(folder, error)
    }
}

/** One task: the line for one file. The task settles soon after its signal aborts, and by then has closed the file. */
async function checksum(path: string, signal: AbortSignal, add: (bytes: number) => void): Promise<string> {
  try {
    // The file may have been replaced since: do not follow a link, and do not wait for a pipe.
    await using file = await open(toBytes(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!(await file.stat()).isFile()) throw new Error('no longer a file')
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(65_536)
    let size: number
    do {
      signal.throwIfAborted()
      size = (await file.read(buffer)).bytesRead
      hash.update(buffer.subarray(0, size))
      add(size)
    } while (size > 0)
    const name = escape(path)
    return `${name === path ? '' : '\\'}${hash.digest('hex')}  ${name}\n`
  } catch (error) {
    return fail(path, error)
  }
}

/** Writes one line and waits until the line is written: the reader sets the pace, and an exit cuts no line in two. */
function print(line: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error)
    signal.addEventListener('abort', leave, {once: true})
    process.stdout.write(line, 'latin1', (error) => {
      if (error) return // the stream emits that too, and then the signal aborts
      signal.removeEventListener('abort', leave)
      resolve()
    })
  })
}

/**
 * Draws a bar at the bottom of the terminal, and gives a function that takes it away. A second walk runs ahead and
 * counts: there is no percentage until it knows all files.
 */
function showBar(folder: string, progress: Progress): () => void {
  let isShown = true
  const line = new BottomLine(process.stderr)
  const bar = new cliProgress.SingleBar({
    stream: line,
    noTTYOutput: true, // for cli-progress the line is a log, which gets a new text now and then
    notTTYSchedule: 100,
    barsize: 24,
    format: (options) => {
      const {done, total, rate, secondsLeft} = progress
      if (total === undefined) return `${done} files done, still counting`
      const share = total === 0 ? 1 : Math.min(done / total, 1)
      const percent = `${Math.floor(share * 100)}`.padStart(3)
      const left = secondsLeft === undefined ? '' : `, ${spoken(secondsLeft)} left`
      return `[${cliProgress.Format.BarFormat(share, options)}] ${percent}% ${done}/${total}, ${rate.toFixed(0)} files/s${left}`
    },
  })
  const count = async (): Promise<void> => {
    let total = 0
    for await (const _ of files(folder))
      if (isShown) total++
      else return
    progress.total = total
  }
  void count()
  bar.start(0, 0)
  return () => {
    isShown = false
    bar.stop()
    line.destroy()
  }
}

/** The last line, on stderr. */
function summarise({done, failed}: Progress, bytes: number, ms: number): string {
  const unread = failed > 0 ? `, ${failed} could not be read` : ''
  return `${done - failed} files, ${(bytes / 1e6).toFixed(1)} MB in ${(ms / 1000).toFixed(1)} s${unread}\n`
}

async function main(folder: string, limit: number, signal: AbortSignal): Promise<void> {
  const failures: string[] = []
  let bytes = 0
  const startedAt = performance.now()
  const source = files(folder, (size) => (bytes += size))
  await using runner = new ConcurrentRunner(source, {limit, yieldExceptions: true, signal})
  const progress = new Progress(runner)
  const hideBar = isScreen(process.stderr) ? showBar(folder, progress) : undefined
  try {
    for await (const line of runner)
      if (line instanceof ConcurrentError) failures.push((line.cause as Error).message)
      else await print(line, signal)
  } finally {
    hideBar?.()
    for (const failure of failures) process.stderr.write(`${failure}\n`, 'latin1')
  }
  if (failures.length > 0) process.exitCode = 1
  process.stderr.write(summarise(progress, bytes, performance.now() - startedAt))
}

if (process.argv[1] === import.meta.filename) {
  process.chdir(process.env['INIT_CWD'] ?? '.') // npm runs this in the folder of package.json; INIT_CWD is the folder of the user
  const given = readArguments(help, {limit: `${defaultLimit()}`}, (values, positionals) => {
    const limit = readCount('limit', values.limit)
    checkPositionals(positionals, 1, 'one FOLDER')
    const [folder = 'src'] = positionals
    if (!statSync(folder, {throwIfNoEntry: false})?.isDirectory())
      throw new Error(`FOLDER must be an existing folder; got '${folder}'`)
    return {folder: Buffer.from(folder).toString('latin1'), limit}
  })
  await untilEnded((signal) => main(given.folder, given.limit, signal))
}
