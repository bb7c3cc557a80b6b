/** BullMQ as the built library finds it: both sides of a comparison are to run the same code. */
import {createRequire} from 'node:module'

export {Queue, QueueEvents, Worker} from 'bullmq'

const require = createRequire(import.meta.url)
const packages = {bullmq: require.resolve('bullmq'), 'pg-boss': new URL(import.meta.resolve('pg-boss')).pathname}

/** The version of a package that is installed. */
export function versionOf(name: keyof typeof packages): string {
  const [before = ''] = packages[name].split(`/node_modules/${name}/`)
  const {version} = require(`${before}/node_modules/${name}/package.json`) as {version: string}
  return version
}
