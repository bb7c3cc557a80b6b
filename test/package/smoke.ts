/**
 * Packs the package, installs the tarball into an empty project, and takes it in there as strangers would:
 * Node, bundlers, TypeScript old and new, an editor, other runtimes. Run by `npm run test:package`.
 */
import {bundles} from './bundles.js'
import {classes} from './classes.js'
import {cluster} from './cluster.js'
import {contexts} from './contexts.js'
import {definitions} from './definitions.js'
import {loads} from './loads.js'
import {makeProject} from './project.js'
import {realms} from './realms.js'
import {runtimes} from './runtimes.js'
import {shakes} from './shakes.js'
import {sizes} from './sizes.js'
import {tarball} from './tarball.js'
import {types} from './types.js'

const project = makeProject()
try {
  for (const check of [
    tarball,
    classes,
    sizes,
    loads,
    shakes,
    bundles,
    types,
    definitions,
    cluster,
    realms,
    contexts,
    runtimes,
  ])
    for (const seen of await check(project)) console.log(`✔ ${seen}`)
} finally {
  project.remove()
}
