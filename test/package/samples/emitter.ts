/** To TypeScript a runner is one of Node's event emitters, whatever events its class adds. */
import {type EventEmitter, on, once} from 'node:events'
import {ConcurrentRunner, concurrent} from 'aio-tasks'

class Counting<T, More extends object = {}> extends ConcurrentRunner<T, false, {counted: [count: number]} & More> {
  count(): Promise<unknown[]> {
    const counted = once(this, 'counted')
    tell(this)
    return counted
  }
}
class Named extends Counting<string, {named: [name: string]}> {}

function tell<T>(runner: ConcurrentRunner<T, false, {counted: [count: number]}>): void {
  runner.emit('counted', 1)
}

const runner = concurrent([() => 'a', () => 'b'], {limit: 1})
const named = new Named([() => 'c'])
const emitters: EventEmitter[] = [runner, named]
const drained = once(runner, 'drain')
const results = on(runner, 'result', {close: ['drain']})
await runner.run()
const values: unknown[] = []
for await (const [value] of results) values.push(value)
const [stats] = (await drained) as unknown[]
const [count] = await named.count()
if (emitters.length === 2 && values.join() === 'a,b' && typeof stats === 'object' && count === 1)
  console.log('all is well')
