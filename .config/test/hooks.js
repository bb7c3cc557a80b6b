/** Whoever imports the source of an entry gets the module that is built from it. */
const root = new URL('../../', import.meta.url).href
const entry = /^src\/((?:[\w-]+\/)?index)\.ts$/

/** The model makes sources that the core can ask without a promise, as a `TaskQueue` is, by symbols of this file. */
const allowed = new Map([['src/source.ts', 'test/model/sources.ts']])

/** @type {import('node:module').ResolveHook} */
export async function resolve(specifier, context, nextResolve) {
  const resolved = await nextResolve(specifier, context)
  const [url = ''] = resolved.url.split('?')
  const path = url.startsWith(root) ? url.slice(root.length) : ''
  const [, name] = entry.exec(path) ?? []
  if (name !== undefined) return {...resolved, url: `${root}dist/${name}.js`, format: 'module'}
  const importer = context.parentURL?.split('?')[0] ?? ''
  const isOfSource = importer.startsWith(`${root}src/`)
  if (path.startsWith('src/') && !isOfSource && importer !== root + allowed.get(path))
    throw new Error(`${importer} imports ${path}, which is no entry, so it cannot run against what is built`)
  return resolved
}
