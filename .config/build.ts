/** Builds the package: each entry becomes one readable ES module and one file of declarations. */
import {execFileSync} from 'node:child_process'
import {copyFileSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {dirname, join, resolve} from 'node:path'
import {type Plugin, rolldown} from 'rolldown'
import {dts} from 'rolldown-plugin-dts'
import {type Entry, entries, root} from './entries.js'

const dist = resolve(process.argv[2] ?? join(root, 'dist'))
const tsconfig = join(root, 'src/tsconfig.json')

/** `Symbol.dispose` and `Symbol.asyncDispose` are declared here, whatever `lib` a user's compiler has. */
const disposables = '/// <reference lib="esnext.disposable" />'

/**
 * An entry imports another one by its name, so that no class exists twice. That goes for the other's `index.ts`, and
 * for its `types.ts`, of which `index.ts` exports everything.
 */
function othersByName(own: Entry): Plugin {
  const names = new Map(
    entries
      .filter((entry) => entry !== own)
      .flatMap(({name, folder}) => [
        [join(folder, 'index'), name],
        [join(folder, 'types'), name],
      ]),
  )
  return {
    name: 'others-by-name',
    resolveId: {
      order: 'pre',
      handler(source, importer) {
        if (importer === undefined || !source.startsWith('.')) return undefined
        const name = names.get(resolve(dirname(importer), source.replace(/\.js$/, '')))
        return name === undefined ? undefined : {id: name, external: true}
      },
    },
  }
}

/** In an object type, declarations are written with two comments on a line, where editors do not find the second. */
const commentsOnLines: Plugin = {
  name: 'comments-on-lines',
  renderChunk(code, {fileName}) {
    if (!fileName.endsWith('.d.ts')) return undefined
    return code.replaceAll(/^(?!\s*\*)(.*;) (?=\/\*\*)/gm, '$1\n').replaceAll(/\*\/(?=[\w[])/g, '*/\n')
  },
}

async function build(entry: Entry): Promise<void> {
  const bundle = await rolldown({
    cwd: root,
    input: {index: join(entry.folder, 'index.ts')},
    platform: 'neutral',
    external: /^[^./]/, // packages, and the other entries
    tsconfig,
    plugins: [othersByName(entry), dts({oxc: true, tsconfig, sourcemap: false}), commentsOnLines],
    checks: {pluginTimings: false}, // a machine that is busy is no reason to fail
    onLog: (level, {message}) => {
      if (level === 'warn') throw new Error(message)
    },
  })
  await bundle.write({
    dir: join(dist, entry.output),
    format: 'es',
    comments: {jsdoc: false}, // editors read them in the declarations
  })
  await bundle.close()
  // By hand: the plugin drops a reference where a source has one of its own.
  const declarations = join(dist, entry.output, 'index.d.ts')
  writeFileSync(declarations, `${disposables}\n${readFileSync(declarations, 'utf8')}`)
}

rmSync(dist, {recursive: true, force: true})
for (const entry of entries) await build(entry)
copyFileSync(join(root, '.github/AGENTS.md'), join(dist, 'AGENTS.md'))
// In the style of the sources: what is published is read too.
const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome')
const format = [biome, 'format', '--write', `--config-path=${join(root, '.biome.json')}`, '--vcs-enabled=false']
for (const [file = '', ...flags] of [['index.d.ts'], ['index.js', '--expand=never']]) {
  // In a module the bundler gives every object lines of its own, however short it is.
  const files = entries.map(({output}) => join(dist, output, file))
  execFileSync(process.execPath, [...format, ...flags, ...files], {stdio: ['ignore', 'ignore', 'inherit']})
}
