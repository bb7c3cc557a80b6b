/** Where the runtimes are that npm brought, and what they call themselves. */
import {createRequire} from 'node:module'
import {execute} from './execute.js'

const require = createRequire(import.meta.url)
const platform = `${process.platform}-${process.arch}`

export interface Runtime {
  readonly name: string
  readonly program: string
}

// The packages' own programs are made by install scripts, so those of the platform are taken, which need none.
export const nodes: readonly Runtime[] = [
  {name: 'Node', program: process.execPath},
  ...['22', '24', '26'].map((major) => ({name: 'Node', program: require.resolve(`node-${major}/bin/node`)})),
]
export const bun: Runtime = {name: 'Bun', program: require.resolve(`@oven/bun-${platform}/bin/bun`)}
export const deno: Runtime = {name: 'Deno', program: require.resolve(`@deno/${platform}-glibc/deno`)}

/** The first version number that it tells. */
export async function versionOf({program}: Runtime): Promise<string> {
  const {output, errors} = await execute(program, ['--version'])
  const [version] = /\d+(\.\d+)+/.exec(output) ?? []
  if (version === undefined) throw new Error(`${program} tells no version\n${output}${errors}`)
  return version
}
