/** An empty project with nothing but the packed library, installed from its tarball. */
import {execFileSync} from 'node:child_process'
import {mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))
export const samples: string = fileURLToPath(new URL('samples', import.meta.url))

export interface Project {
  readonly folder: string
  /** The tarball's name, the paths in it, and its size. */
  readonly tarball: string
  readonly paths: readonly string[]
  readonly bytes: number
  /** Writes a file, and gives its path. */
  write(name: string, content: string): string
  remove(): void
}

/** One check of the package: throws if something is wrong, and otherwise gives lines that say what it saw. */
export type Check = (project: Project) => readonly string[] | Promise<readonly string[]>

export function run(command: string, args: readonly string[], cwd: string): string {
  return execFileSync(command, args, {cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']})
}

export function makeProject(): Project {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'aio-tasks-package-')))
  const remove = (): void => rmSync(home, {recursive: true, force: true})
  try {
    const packed = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', home], root))
    const [{filename, files, size}] = packed as [{filename: string; files: Array<{path: string}>; size: number}]
    const folder = join(home, 'project')
    const write = (name: string, content: string): string => {
      const path = join(folder, name)
      mkdirSync(dirname(path), {recursive: true})
      writeFileSync(path, content)
      return path
    }
    write('package.json', JSON.stringify({name: 'consumer', private: true, type: 'module'}))
    run('npm', ['install', '--no-audit', '--no-fund', join(home, filename)], folder)
    return {folder, tarball: filename, paths: files.map(({path}) => path), bytes: size, write, remove}
  } catch (error) {
    remove()
    throw error
  }
}
