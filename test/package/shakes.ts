/** An import that is not used costs nothing: bundlers leave it out, with its dependencies. */
import assert from 'node:assert/strict'
import commonjs from '@rollup/plugin-commonjs'
import resolve from '@rollup/plugin-node-resolve'
import * as esbuild from 'esbuild'
import {rollup} from 'rollup'
import type {Check} from './project.js'

const unused: Readonly<Record<string, string>> = {
  'bare.js': "import 'aio-tasks'\n",
  'named.js': "import {concurrent} from 'aio-tasks'\n",
  'all.js': "import * as aio from 'aio-tasks'\n",
}

const used = "import {concurrent} from 'aio-tasks'\nconsole.log(concurrent([]))\n"

/** Bundles a file with all it needs, and gives the code without comments. */
type Bundle = (entry: string) => Promise<string>

const bundlers: Readonly<Record<string, Bundle>> = {
  [`esbuild ${esbuild.version}`]: async (entry) => {
    const {outputFiles, warnings} = await esbuild.build({
      entryPoints: [entry],
      bundle: true,
      format: 'esm',
      write: false,
      logLevel: 'silent',
    })
    // The one that it has for `import 'aio-tasks'` says what is tested here: that nothing comes of it.
    const others = warnings.filter(({id}) => id !== 'ignored-bare-import')
    assert.deepEqual(others, [])
    return stripped(outputFiles[0]?.text)
  },
  rollup: async (entry) => {
    const build = await rollup({
      input: entry,
      plugins: [resolve({browser: true}), commonjs()],
      onLog: (level, {code, message}) => {
        if (level === 'warn' && code !== 'EMPTY_BUNDLE') throw new Error(message)
      },
    })
    const {output} = await build.generate({format: 'es'})
    await build.close()
    return stripped(output[0].code)
  },
}

function stripped(code: string | undefined): string {
  assert(code !== undefined, 'the bundler writes something')
  return code.replaceAll(/\/\/.*$/gm, '').trim()
}

export const shakes: Check = async (project) => {
  const seen: string[] = []
  for (const [name, bundle] of Object.entries(bundlers)) {
    for (const [file, code] of Object.entries(unused))
      assert.equal(await bundle(project.write(`shakes/${file}`, code)), '', `${name} leaves nothing of ${code}`)
    // Or the above would hold for a bundler that finds nothing at all.
    const whole = await bundle(project.write('shakes/used.js', used))
    assert.match(whole, /ConcurrentRunner/)
    seen.push(`${name}: ${Object.keys(unused).length} unused imports shake away to nothing`)
  }
  return seen
}
