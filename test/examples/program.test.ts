import {once} from 'node:events'
import {text} from 'node:stream/consumers'
import ava from 'ava'
import {typescript} from '../helpers/typescript.js'
import {type Child, ended, start} from './child.js'

/** One after the other: each starts a process. */
const test = ava.serial

/** A program that says when it has begun and when it is told to end, and then does what `ending` says. */
function program(ending: string): Child {
  const address = new URL('../../examples/program.ts', import.meta.url).href
  const script = `
    import {untilEnded} from '${address}'
    await untilEnded((signal) => new Promise((resolve, reject) => {
      const timer = setInterval(() => console.log('goes on'), 10)
      signal.addEventListener('abort', () => {
        console.error('told')
        ${ending}
      })
    }))`
  return start([process.execPath, typescript, '--input-type=module', '--eval', script])
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  test(`${signal} ends a program once it has cleaned up`, async (t) => {
    const child = program('clearInterval(timer), setTimeout(() => reject(signal.reason), 50)')
    const outcome = ended(child)
    await once(child.stdout, 'data')
    child.kill(signal)
    t.like(await outcome, {status, stderr: 'told\n'})
  })

  test(`a second ${signal} ends a program at once that does not end by itself`, async (t) => {
    const child = program('')
    const outcome = ended(child)
    await once(child.stdout, 'data')
    child.kill(signal)
    await once(child.stderr, 'data')
    child.kill(signal)
    t.like(await outcome, {status, stderr: 'told\n'})
  })
}

test('a program whose output nobody reads any more ends quietly', async (t) => {
  const child = program('reject(signal.reason)')
  const exited = once(child, 'exit')
  const told = text(child.stderr)
  await once(child.stdout, 'data')
  child.stdout.destroy()
  t.is(await told, 'told\n')
  t.deepEqual(await exited, [0, null])
})

test('a program that fails by itself says how', async (t) => {
  const child = program('reject(new Error("cannot clean up"))')
  const outcome = ended(child)
  await once(child.stdout, 'data')
  child.kill('SIGINT')
  const {status, stderr} = await outcome
  t.is(status, 1)
  t.regex(stderr, /^told\n[^]*Error: cannot clean up/)
})
