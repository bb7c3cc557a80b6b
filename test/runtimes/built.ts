/** Puts the built package into a folder as an install would, with what it depends on. */
import {cpSync, mkdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {execute} from './execute.js'
import {root} from './suite.js'

export async function installBuilt(folder: string): Promise<void> {
  const modules = join(folder, 'node_modules')
  const target = join(modules, 'aio-tasks')
  mkdirSync(target, {recursive: true})
  const needed = Object.fromEntries(['aio-tasks', ...needs()].map((name) => [name, '*']))
  const project = {name: 'consumer', private: true, type: 'module', dependencies: needed}
  writeFileSync(join(folder, 'package.json'), JSON.stringify(project))
  cpSync(join(root, 'package.json'), join(target, 'package.json'))
  const build = ['--import=tsx', join(root, '.config/build.ts'), join(folder, 'dist')]
  const {code, output, errors} = await execute(process.execPath, build, {cwd: root})
  if (code !== 0) throw new Error(`the package does not build\n${output}${errors}`)
  renameSync(join(folder, 'dist'), join(target, 'dist'))
  for (const name of needs()) cpSync(join(root, 'node_modules', name), join(modules, name), {recursive: true})
}

/** The packages that the built one needs at run time. */
function needs(): string[] {
  const {dependencies} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {dependencies: object}
  return Object.keys(dependencies)
}
