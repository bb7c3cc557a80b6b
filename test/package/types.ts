/** A strict TypeScript project compiles against the published types, with compilers from 5.4 to 7. */
import assert from 'node:assert/strict'
import {spawnSync} from 'node:child_process'
import {readdirSync, readFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {dirname, join} from 'node:path'
import {type Check, root, run, samples} from './project.js'

const require = createRequire(import.meta.url)

const nodeNext = {module: 'NodeNext', moduleResolution: 'NodeNext'}
const bundler = {module: 'ESNext', moduleResolution: 'Bundler'}
const compilers = {
  'typescript-5.4': [nodeNext],
  'typescript-5.9': [nodeNext, bundler],
  'typescript-6': [nodeNext],
  'typescript-7': [nodeNext],
}

/**
 * As strict as a compiler of that version can be, and the library's own declarations are checked too. With what is
 * there by default: no more of the standard library, and no types of Node.
 */
const strictest = {
  target: 'ES2022',
  types: [],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noImplicitOverride: true,
  noPropertyAccessFromIndexSignature: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
}

/** What only a project with the types of Node, or one that writes declarations without help, can show. */
const relaxed = {
  ...strictest,
  types: ['node'],
  typeRoots: [join(root, 'node_modules/@types')],
  skipLibCheck: true,
  declaration: true,
}

export const types: Check = (project) => {
  for (const name of ['consumer.ts', 'emitter.ts', 'inferred.ts', 'required.cts'])
    project.write(`types/${name}`, readFileSync(join(samples, name), 'utf8'))
  const own = join(project.folder, 'node_modules/aio-tasks/dist')
  for (const name of readdirSync(own)) if (name.endsWith('.d.ts')) assertWithoutAny(join(own, name))
  const seen: string[] = ["the library's declarations are without any"]

  for (const [name, resolutions] of Object.entries(compilers)) {
    const manifest = require.resolve(`${name}/package.json`)
    const {version} = require(manifest) as {version: string}
    const isOld = version.startsWith('5.4.')
    const isolated = isOld ? {} : {declaration: true, isolatedDeclarations: true} // came with 5.5
    const tsc = join(dirname(manifest), 'bin/tsc')

    const compileAndRun = (compilerOptions: {readonly outDir: string}, files: readonly string[]): void => {
      project.write('types/tsconfig.json', JSON.stringify({compilerOptions, files}))
      const {status, stdout} = spawnSync(process.execPath, [tsc, '-p', 'types'], {
        cwd: project.folder,
        encoding: 'utf8',
      })
      assert.equal(status, 0, `TypeScript ${version}, ${compilerOptions.outDir}:\n${stdout}`)
      for (const file of files) {
        const output = run(
          process.execPath,
          [join('types', compilerOptions.outDir, file.replace('ts', 'js'))],
          project.folder,
        )
        assert.equal(output, 'all is well\n', file)
      }
    }

    for (const resolution of resolutions) {
      const outDir = `${name}-${resolution.moduleResolution}`
      // To require() a module is what compilers allow since 5.8, and bundlers do not ask for.
      const files = isOld || resolution === bundler ? ['consumer.ts'] : ['consumer.ts', 'required.cts']
      compileAndRun({...strictest, ...isolated, ...resolution, outDir}, files)
      seen.push(
        `TypeScript ${version}, ${resolution.moduleResolution}: a strict project compiles and runs (${files.join(', ')})`,
      )
    }

    const outDir = `${name}-relaxed`
    const files = ['consumer.ts', 'emitter.ts', 'inferred.ts']
    compileAndRun({...relaxed, ...nodeNext, outDir}, files)
    for (const file of files) assertWithoutAny(join(project.folder, 'types', outDir, file.replace('.ts', '.d.ts')))
    seen.push(
      `TypeScript ${version}, with skipLibCheck and the types of Node: ${files.join(', ')}, and its declarations`,
    )
  }
  return seen
}

function assertWithoutAny(path: string): void {
  const declarations = readFileSync(path, 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
  assert.doesNotMatch(declarations, /\bany\b/, path)
}
