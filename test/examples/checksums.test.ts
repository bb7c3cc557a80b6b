import {execFileSync, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import {createServer} from 'node:net'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {files as checksumsOf} from '../../examples/checksums.js'
import {ConcurrentRunner} from '../../src/index.js'
import {type Child, command, type Ended, ended, interruptedWhen, start, tellingPid, temporaryFolder} from './child.js'

const exists = (file: string): boolean => spawnSync(file, ['--version']).error === undefined
const hasSha256sum = exists('sha256sum')
const hasScript = exists('script')
const meddle = ['./test/examples/meddle.ts']

/** One after the other: each starts a process or two. */
const test = ava.serial
/** For tests that hold the output against the real thing. */
const compared = hasSha256sum ? test : test.skip
if (!hasSha256sum) console.warn('Skipped what compares with sha256sum: there is none on the PATH')
if (!hasScript) console.warn('Skipped what needs a terminal: there is no `script` on the PATH')

/** A folder that goes with its test. Names are strings of bytes, contents too. */
function folderOf(t: ExecutionContext, files: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder(t)
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}/${name}`
    if (name.includes('/')) mkdirSync(Buffer.from(path.slice(0, path.lastIndexOf('/')), 'latin1'), {recursive: true})
    writeFileSync(Buffer.from(path, 'latin1'), content, 'latin1')
  }
  return folder
}

/** The example's run for a user who stands in `folder`. */
const checksums = (folder: string, args: readonly string[], preloads?: readonly string[]): Promise<Ended> =>
  ended(start([...command('checksums', preloads), ...args], folder))

/** What the real sha256sum prints for the files below `top`, as sorted lines. */
function expected(folder: string, top: string): string[] {
  const script = 'find "$1" -type f -exec sha256sum {} +'
  return linesOf(execFileSync('sh', ['-c', script, 'sh', top], {cwd: folder, encoding: 'latin1'}))
}

const linesOf = (output: string): string[] => output.split('\n').slice(0, -1).sort()
/** The summary, which is the last line on stderr. */
const summary = /^\d+ files, \d+\.\d MB in \d+\.\d s(, \d+ could not be read)?$/
/** What stderr tells before the summary. */
const toldBefore = (stderr: string): string[] => stderr.split('\n').filter((line) => line !== '' && !summary.test(line))
const numbered = (count: number, name = 'file'): Record<string, string> =>
  Object.fromEntries(Array.from({length: count}, (_, index) => [`${name}${index}`, `content ${index}`]))

// Names and what they name

const strange = {
  'with space': 'a',
  ' leading and trailing ': 'b',
  'new\nline': 'c',
  'back\\slash': 'd',
  'carriage\rreturn': 'e',
  'all\\of\nthem\r': 'f',
  '\\n': 'g',
  '\'quotes"': 'h',
  '*?[$HOME]': 'i',
  '-dash': 'j',
  'tab\t\x1B\x7F': 'k',
  '\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80': 'é€😀 as UTF-8',
  '\xFF\xFE not UTF-8': 'l',
  'sub\nfolder\xFF/deep\\er/file': 'm',
  empty: '',
  large: 'n'.repeat(200_000),
  exact: 'o'.repeat(65_536),
}

compared('names and contents of every kind come out as sha256sum writes them, byte for byte', async (t) => {
  const folder = folderOf(t, strange)
  const {status, stdout, stderr} = await checksums(folder, ['.'])
  t.regex(stderr, new RegExp(`^${Object.keys(strange).length} files, 0\\.3 MB in \\d+\\.\\d s\n$`))
  t.is(status, 0)
  t.deepEqual(linesOf(stdout), expected(folder, '.'))
  t.is(linesOf(stdout).length, Object.keys(strange).length)
})

compared('sha256sum --check accepts the output where the user stands', async (t) => {
  const folder = folderOf(t, strange)
  const {stdout} = await checksums(folder, ['.'])
  const check = spawnSync('sha256sum', ['--check', '--quiet'], {cwd: folder, input: Buffer.from(stdout, 'latin1')})
  t.is(check.stdout.toString(), '')
  t.is(check.status, 0)
})

const givenAs = ava.macro(async (t, given: string, printed: string) => {
  const folder = folderOf(t, {'sub/inner/file': '', 'src/inner/file': ''})
  const {stdout} = await checksums(folder, given === '' ? [] : [given])
  t.is(stdout.slice(64), `  ${printed}\n`)
})
test('a path is printed as its folder was given', givenAs, 'sub', 'sub/inner/file')
test('a folder given with a slash gets no second one', givenAs, './sub/', './sub/inner/file')
test('a folder above is printed as one above', givenAs, 'sub/..//sub', 'sub/..//sub/inner/file')
test('without a folder it is src', givenAs, '', 'src/inner/file')

compared('only regular files count: links, sockets and pipes are passed by', async (t) => {
  const folder = folderOf(t, {'real/file': 'a'})
  for (const [name, target] of [
    ['dead', 'nowhere'],
    ['loop', '.'],
    ['one', 'other'],
    ['other', 'one'],
    ['linked', 'real/file'],
    ['linkedFolder', 'real'],
  ] as const)
    symlinkSync(target, join(folder, name))
  execFileSync('mkfifo', [join(folder, 'pipe')])
  const server = createServer().listen(join(folder, 'socket'))
  await once(server, 'listening')
  t.teardown(() => server.close())

  const {status, stdout, stderr} = await checksums(folder, ['.'])
  t.deepEqual(toldBefore(stderr), [])
  t.is(status, 0)
  t.deepEqual(linesOf(stdout), expected(folder, '.'))
})

test('an empty folder gives a summary alone', async (t) => {
  const {status, stdout, stderr} = await checksums(folderOf(t), ['.'])
  t.is(status, 0)
  t.is(stdout, '')
  t.regex(stderr, /^0 files, 0\.0 MB in /)
})

// What cannot be read

test('what cannot be read is reported at the end, and everything else is done', async (t) => {
  const folder = folderOf(t, {...numbered(9), 'a\n\xFF.gone': '', 'b.fifo': '', 'c.link': '', 'keep/file': ''})
  mkdirSync(join(folder, 'folder.gone'))
  const {status, stdout, stderr} = await checksums(folder, ['.', '--limit', '1'], meddle)
  t.is(status, 1)
  t.is(linesOf(stdout).length, 10)
  t.regex(stderr, /^10 files, .*, 4 could not be read$/m)
  t.deepEqual(toldBefore(stderr).sort(), [
    './a\\n\xFF.gone: ENOENT: no such file or directory',
    './b.fifo: no longer a file',
    './c.link: ELOOP: too many symbolic links encountered',
    './folder.gone/: ENOENT: no such file or directory',
    'opened: 11, open: 0, at most: 1',
  ])
})

// The limit

const opensAtMost = ava.macro(async (t, limit: number) => {
  const {stdout, stderr} = await checksums(folderOf(t, numbered(50)), ['.', '--limit', `${limit}`], meddle)
  t.deepEqual(toldBefore(stderr), [`opened: 50, open: 0, at most: ${limit}`])
  t.is(linesOf(stdout).length, 50)
})
test('with a limit of 1 one file is open at once', opensAtMost, 1)
test('with a limit of 3 three files are open at once', opensAtMost, 3)

compared('the limit changes nothing but the order', async (t) => {
  const folder = folderOf(t, {...strange, ...numbered(100)})
  const [one, many] = await Promise.all(['1', '64'].map((limit) => checksums(folder, ['--limit', limit, '.'])))
  t.deepEqual(linesOf(one?.stdout ?? ''), expected(folder, '.'))
  t.deepEqual(linesOf(many?.stdout ?? ''), expected(folder, '.'))
})

// Ending early

const interrupted = ava.macro(async (t, signal: NodeJS.Signals, status: number) => {
  const folder = folderOf(t, {...numbered(20), endless: ''})
  truncateSync(join(folder, 'endless'), 2 ** 40) // takes hours to read, and no room on the disk
  const child = start([...command('checksums', meddle), '.', '--limit', '2'], folder)
  let lines = 0
  child.stdout.on('data', (chunk: Buffer) => {
    lines += chunk.toString().split('\n').length - 1
    if (lines === 20) child.kill(signal)
  })
  const end = await ended(child)
  t.is(end.status, status)
  t.is(linesOf(end.stdout).length, 20)
  t.true(end.stdout.endsWith('\n'))
  t.is(end.stderr, 'opened: 21, open: 0, at most: 2\n')
})
test('SIGINT ends it in the midst of a file, which is closed, with status 130', interrupted, 'SIGINT', 130)
test('SIGTERM ends it in the midst of a file, which is closed, with status 143', interrupted, 'SIGTERM', 143)

/** More output than any pipe takes in. */
const much = numbered(1000, 'long'.repeat(50))

test('when nobody reads it opens no more files, and an interrupt still ends it without a half line', async (t) => {
  const child = start([...command('checksums', meddle), '.', '--limit', '4'], folderOf(t, much))
  child.stdout.on('readable', () => {}) // keeps Node from throwing away what nobody has read at the exit
  const stderr = text(child.stderr)
  await once(child.stdout, 'readable')
  await sleep(500) // time to go wrong: what follows holds at any moment
  child.kill('SIGINT')
  t.deepEqual(await once(child, 'exit'), [130, null])
  const stdout = await text(child.stdout)
  t.regex(stdout, /^([0-9a-f]{64} {2}\.\/(long){50}\d+\n)+$/)
  // One line is under way, and as many files as the limit allows wait for it; so many again may be open.
  const opened = Number(/opened: (\d+)/.exec(await stderr)?.[1])
  t.true(opened <= linesOf(stdout).length + 12, `${opened} files opened for ${linesOf(stdout).length} lines`)
})

test('a reader that has seen enough ends it quietly', async (t) => {
  const child = start([...command('checksums'), '.'], folderOf(t, much))
  await once(child.stdout, 'readable')
  child.stdout.destroy()
  const [[status], stderr] = await Promise.all([once(child, 'exit'), text(child.stderr)])
  t.is(stderr, '')
  t.is(status, 0)
})

// The source, ended in the middle

/** Files below `folder` that this process has open. */
const openBelow = (folder: string): string[] =>
  readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`)
      return path.startsWith(folder) ? [path] : []
    } catch {
      return [] // the one that read the folder itself
    }
  })
const seesOpenFiles = existsSync('/proc/self/fd') ? test : test.skip

/** Checksums of files that take for ever beside small ones; ended in some way, when all slots are taken. */
const endedBy = ava.macro(
  async (t, end: (runner: ConcurrentRunner<string>, folder: string) => Promise<unknown>, message?: string) => {
    const folder = folderOf(t, {...numbered(5), endless: '', 'sub/endless': '', 'sub/deeper/endless': ''})
    for (const name of ['endless', 'sub/endless', 'sub/deeper/endless']) truncateSync(join(folder, name), 2 ** 40)
    const runner = new ConcurrentRunner(checksumsOf(folder), {limit: 4})
    const error: unknown = await end(runner, folder).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    t.is(error instanceof Error ? error.message.replace(folder, '') : undefined, message)
    const {started, succeeded, failed, running} = await runner.drained
    t.is(started, succeeded + failed)
    t.is(running, 0)
    t.deepEqual(openBelow(folder), [])
  },
)
const leaveAtFirst = async (runner: ConcurrentRunner<string>, folder: string): Promise<void> => {
  for await (const line of runner) if (line !== '' && openBelow(folder).length > 0) return
  throw new Error('no file was open')
}
seesOpenFiles('a loop that is left in the middle leaves no file open', endedBy, leaveAtFirst)
seesOpenFiles(
  'abort() in the middle leaves no file open',
  endedBy,
  (runner: ConcurrentRunner<string>) => {
    runner.on('start', ({index}) => index === 4 && runner.abort(new Error('enough')))
    return runner.run()
  },
  'enough',
)
seesOpenFiles(
  'a file that cannot be read leaves no other file open',
  endedBy,
  (runner: ConcurrentRunner<string>, folder: string) => {
    runner.on('start', ({index}) => {
      if (index === 4) rmSync(join(folder, 'sub'), {recursive: true})
    })
    return runner.run()
  },
  'Task 6 failed: Error: /sub/: ENOENT: no such file or directory',
)

// Arguments

const refuses = ava.macro(async (t, args: string[], message: RegExp) => {
  const {status, stdout, stderr} = await checksums(folderOf(t, {file: ''}), args)
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(Buffer.from(stderr, 'latin1').toString(), message)
  t.regex(stderr, /^[^\n]+ \(--help tells more\)\n$/, 'in one line')
})
test('an unknown option is named', refuses, ['--depth', '3'], /^Unknown option '--depth'/)
test('a limit of 0 is refused', refuses, ['--limit', '0'], /^--limit must be an integer ≥ 1; got '0' \(/)
test('a negative limit is refused', refuses, ['--limit=-1'], /^--limit must be an integer ≥ 1; got '-1' \(/)
test('a limit that is no number is refused', refuses, ['--limit', 'many'], /^--limit must be .*; got 'many' \(/)
test('a limit without a number is refused', refuses, ['--limit'], /^Option '--limit <value>' argument missing \(/)
test(
  'a limit that looks like an option is refused',
  refuses,
  ['--limit', '-1'],
  /^Option '--limit' argument is ambiguous \(/,
)
test('two folders are refused', refuses, ['a', 'b'], /^Expected one FOLDER; got 'a', 'b' \(/)
test('a missing folder is named', refuses, ['nope'], /^FOLDER must be an existing folder; got 'nope' \(/)
test('a file is no folder', refuses, ['file'], /^FOLDER must be an existing folder; got 'file' \(/)

test('--help says what it does', async (t) => {
  const {status, stdout, stderr} = await checksums(folderOf(t), ['--help'])
  t.is(status, 0)
  t.is(stderr, '')
  t.regex(stdout, /links are not followed/)
})

// Terminals

const onTerminal = hasScript ? test : test.skip
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')
const escapeCode = '\x1B'
const [rows, columns] = [12, 80]

/** What a terminal gets from a command line; the shell says how large the terminal is. */
const shown = async (folder: string, line: string): Promise<Ended> => ended(startShown(folder, line))
const startShown = (folder: string, line: string): Child =>
  start(['script', '-qec', `stty rows ${rows} cols ${columns}; ${line}`, '/dev/null'], folder)

/** What the bar's row shows one after the other. The cursor is saved, moved to the last row, and restored. */
const barsOf = (output: string): string[] =>
  [...output.matchAll(new RegExp(`\\x1B7\\x1B\\[${rows};1H\\x1B\\[2K([^\\x1B]*)\\x1B8`, 'g'))].map(
    ([, bar = '']) => bar,
  )

/** The terminal's output without what draws the bar: what scrolls above it. */
const resultsOf = (output: string): string[] =>
  output
    .replaceAll(new RegExp(`${escapeCode}7.*?${escapeCode}8(${escapeCode}\\[1A)?`, 'gs'), '')
    .split('\r\n')
    .filter(Boolean)

/** The last row is taken out of what scrolls, and given back and emptied at the end. */
function isTidy(t: ExecutionContext, output: string): void {
  t.true(output.includes(`\x1B[1;${rows - 1}r`), 'the last row is taken')
  t.regex(output, new RegExp(`\\x1B7\\x1B\\[r\\x1B\\[${rows};1H\\x1B\\[2K\\x1B8`), 'the last row is given back, empty')
  t.notRegex(output.slice(output.lastIndexOf('\x1B[r')), /%|files done/)
}

onTerminal('results scroll above a bar, which is gone when the summary comes', async (t) => {
  const folder = folderOf(t, numbered(20))
  const {status, stdout} = await shown(folder, quoted([...command('checksums'), '.']))
  t.is(status, 0)
  isTidy(t, stdout)
  const lines = resultsOf(stdout)
  t.regex(lines.pop() ?? '', /^20 files, /)
  t.is(lines.length, 20)
  for (const line of lines) t.regex(line, /^[0-9a-f]{64} {2}\.\/file\d+$/)
})

onTerminal('there is no percentage before the total is known, and the total never changes', async (t) => {
  const folder = folderOf(t, {...numbered(20), endless: '', ...much})
  truncateSync(join(folder, 'endless'), 2e8)
  const {stdout} = await shown(
    folder,
    `${quoted([...command('checksums'), '.'])} > '${folder}.out'; rm '${folder}.out'`,
  )
  isTidy(t, stdout)
  const bars = barsOf(stdout).filter(Boolean)
  t.true(bars.length > 1)
  for (const bar of bars)
    t.regex(bar, /^\d+ files done, still counting$|^\[=*-*\] +\d+% \d+\/1021, \d+ files\/s(, (\d+ min )?\d+ s left)?$/)
  t.regex(bars.at(-1) ?? '', / 100% 1021\/1021, /)
})

onTerminal('the bar stays below the results of sha256sum --check', async (t) => {
  const folder = folderOf(t, numbered(20))
  const {status, stdout} = await shown(
    folder,
    `${quoted([...command('checksums'), '.'])} | (cd '${folder}'; sha256sum --check)`,
  )
  t.is(status, 0)
  isTidy(t, stdout)
  const lines = resultsOf(stdout)
  t.is(lines.filter((line) => /^\d+ files, /.test(line)).length, 1)
  t.deepEqual(
    lines.filter((line) => /^\.\/file\d+: OK$/.test(line)).sort(),
    Object.keys(numbered(20))
      .map((name) => `./${name}: OK`)
      .sort(),
  )
  t.is(lines.length, 21)
})

onTerminal('Ctrl-C takes the bar away', async (t) => {
  const folder = folderOf(t, {endless: ''})
  truncateSync(join(folder, 'endless'), 2 ** 40)
  const line = tellingPid(quoted([...command('checksums'), '.']))
  const {status, stdout} = await interruptedWhen(startShown(folder, line), /files done/)
  t.is(status, 130)
  isTidy(t, stdout)
})
