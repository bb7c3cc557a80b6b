/** What TypeScript says of wrong code: it names what is wrong, and what was expected. */
import test from 'ava'
import {compile, removeFolder, snippetFolder} from './helpers/snippets.js'

const wrong: ReadonlyArray<readonly [code: string, said: RegExp]> = [
  [`runner.on('finish', () => {})`, /'"finish"' is not assignable to parameter of type 'keyof RunnerEvents<T>'/],
  [`runner.on('result', (value: string) => value)`, /'\(value: string\) => string' .* '\(value: number, context: /],
  [`runner.once('error', (error: string) => error)`, /'\(error: string\) => string' .* '\(error: ConcurrentError, /],
  [`runner.emit('result', 'a', context)`, /'string' is not assignable to parameter of type 'number'/],
  [`counter.on('coutn', () => {})`, /'"coutn"' .* '"count" \| keyof RunnerEvents<T>'/],
  [`counter.on('count', (count: string) => count)`, /'\(count: string\) => string' .* '\(count: number\) => void'/],
  [`counter.emit('count', 'a')`, /'string' is not assignable to parameter of type 'number'/],
  [`ConcurrentRunner.map([1], (item) => item, {concurrency: 1})`, /'concurrency' does not exist/],
  [`Named.map([1], (item) => item)`, /'typeof Named' .* 'ClassWithoutOwnOptions</],
  [`void new TaskQueue().push(() => 1, {priorty: 1})`, /Did you mean to write 'priority'/],
  [
    `void new TaskQueue<number>().push(() => 'a')`,
    /'string' is not assignable to type 'number \| PromiseLike<number>'/,
  ],
]

const setting = `
import {ConcurrentRunner, type RunnerOptions, type Source, type TaskContext, TaskQueue} from 'aio-tasks'
declare const context: TaskContext
class Counter<T> extends ConcurrentRunner<T, false, {count: [count: number]}> {}
class Named<T> extends ConcurrentRunner<T> {
  constructor(source: Source<T>, {name, ...options}: RunnerOptions<false> & {name: string}) {
    super(source, options)
    console.log(name)
  }
}
const runner = new ConcurrentRunner([() => 1])
const counter = new Counter([() => 1])
console.log(context, counter, runner, Named, TaskQueue)
`

test('an error of TypeScript names what is wrong and what was expected', async (t) => {
  const folder = await snippetFolder(wrong.map(([code], index) => ({place: `wrong:${index}`, code: setting + code})))
  t.teardown(() => removeFolder(folder))
  const complaints = (await compile(folder)).split(/^(?=wrong-)/m)
  t.is(complaints.length, wrong.length)
  for (const [index, [code, said]] of wrong.entries()) {
    const complaint = complaints.find((text) => text.startsWith(`wrong-${index}.ts`)) ?? 'no complaint'
    t.regex(complaint, said, code)
  }
})
