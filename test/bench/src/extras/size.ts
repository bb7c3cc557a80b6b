/** How big the core is, with its two dependencies. */
import {fileURLToPath} from 'node:url'
import {gzipSync} from 'node:zlib'
import {build} from 'esbuild'

const core = fileURLToPath(new URL('../../../../dist/index.js', import.meta.url))

export async function measureSize(): Promise<{minified: number; gzipped: number}> {
  const {outputFiles} = await build({
    entryPoints: [core],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
  })
  const code = outputFiles[0]?.contents ?? new Uint8Array()
  return {minified: code.length, gzipped: gzipSync(code, {level: 9}).length}
}
