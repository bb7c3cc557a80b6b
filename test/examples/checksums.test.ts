import {execFileSync, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync} from 'node:fs'
import {createServer} from 'node:net'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import {text} from 'node:stream/consumers'
import {setTimeout as sleep} from 'node:timers/promises'
import ava, {type ExecutionContext} from 'ava'
import {command, type Ended, ended, start} from './child.js'

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
  const folder = mkdtempSync(join(tmpdir(), 'aio-tasks-'))
  t.teardown(() => rmSync(folder, {recursive: true}))
  for (const [name, content] of Object.entries(files)) {
    const path = `${folder}/${name}`
    mkdirSync(Buffer.from(path.slice(0, path.lastIndexOf('/')), 'latin1'), {recursive: true})
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
  t.is(stderr, '')
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
  const folder = folderOf(t, {'sub/inner/file': '', 'node_modules/inner/file': ''})
  const {stdout} = await checksums(folder, given === '' ? [] : [given])
  t.is(stdout.slice(64), `  ${printed}\n`)
})
test('a path is printed as its folder was given', givenAs, 'sub', 'sub/inner/file')
test('a folder given with a slash gets no second one', givenAs, './sub/', './sub/inner/file')
test('a folder above is printed as one above', givenAs, 'sub/..//sub', 'sub/..//sub/inner/file')
test('without a folder it is node_modules', givenAs, '', 'node_modules/inner/file')

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
  t.is(stderr, '')
  t.is(status, 0)
  t.deepEqual(linesOf(stdout), expected(folder, '.'))
})

test('an empty folder gives no output', async (t) => {
  t.deepEqual(await checksums(folderOf(t), ['.']), {status: 0, stdout: '', stderr: ''})
})

// What cannot be read

test('what cannot be read is reported at the end, and everything else is done', async (t) => {
  const folder = folderOf(t, {...numbered(9), 'a\n\xFF.gone': '', 'b.fifo': '', 'c.link': '', 'keep/file': ''})
  mkdirSync(join(folder, 'folder.gone'))
  const {status, stdout, stderr} = await checksums(folder, ['.', '--limit', '1'], meddle)
  t.is(status, 1)
  t.is(linesOf(stdout).length, 10)
  t.deepEqual(linesOf(stderr), [
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
  t.is(stderr, `opened: 50, open: 0, at most: ${limit}\n`)
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
const much = numbered(2000, 'long'.repeat(50))

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

// Arguments

const refuses = ava.macro(async (t, args: string[], message: RegExp) => {
  const {status, stdout, stderr} = await checksums(folderOf(t, {file: ''}), args)
  t.is(status, 2)
  t.is(stdout, '')
  t.regex(Buffer.from(stderr, 'latin1').toString(), message)
  t.regex(stderr, /^Usage: npm start -- \[FOLDER\] \[--limit N\]$/m)
})
test('an unknown option is named', refuses, ['--depth', '3'], /^Unknown option '--depth'/)
test('a limit of 0 is refused', refuses, ['--limit', '0'], /^--limit must be an integer ≥ 1; got '0'\n/)
test('a negative limit is refused', refuses, ['--limit=-1'], /^--limit must be an integer ≥ 1; got '-1'\n/)
test('a limit that is no number is refused', refuses, ['--limit', 'many'], /^--limit must be .*; got 'many'\n/)
test('a limit without a number is refused', refuses, ['--limit'], /^Option '--limit <value>' argument missing\n/)
test('two folders are refused', refuses, ['a', 'b'], /^Expected one FOLDER; got 'a', 'b'\n/)
test('a missing folder is named', refuses, ['nope'], /^FOLDER must be an existing folder; got 'nope'\n/)
test('a file is no folder', refuses, ['file'], /^FOLDER must be an existing folder; got 'file'\n/)

test('--help says what it does', async (t) => {
  const {status, stdout, stderr} = await checksums(folderOf(t), ['--help'])
  t.is(status, 0)
  t.is(stderr, '')
  t.regex(stdout, /links are not followed/)
})

// Terminals

const onTerminal = hasScript ? test : test.skip
const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ')

onTerminal('on a terminal a bar shows how far it is, while a file takes the output', async (t) => {
  const folder = folderOf(t, {'sub/one': '', 'sub/two': '', 'sub/three': ''})
  const line = `${quoted([...command('checksums'), 'sub'])} > '${folder}/output'`
  const {status, stdout} = await ended(start(['script', '-qec', line, '/dev/null'], folder))
  t.is(status, 0)
  t.regex(stdout, /progress \[=+\] 100% .* 3\/3/)
  t.notRegex(stdout, /sub\/one/)
  t.is(linesOf(execFileSync('cat', [join(folder, 'output')], {encoding: 'utf8'})).length, 3)
})

onTerminal('on a terminal that shows both, the bar makes way for each line', async (t) => {
  const folder = folderOf(t, numbered(20))
  const {status, stdout} = await ended(
    start(['script', '-qec', quoted([...command('checksums'), '.']), '/dev/null'], folder),
  )
  t.is(status, 0)
  t.regex(stdout, /progress \[/)
  for (const name of Object.keys(numbered(20)))
    t.regex(stdout, new RegExp(`(^|\\n|\\r|\\x1B\\[K)[0-9a-f]{64} {2}\\./${name}\\r\\n`))
})
