/** What functions give back is not written down here: the compiler can name it in the declarations that it writes. */
import {ConcurrentRunner, concurrent, inflate, mapped, TaskQueue} from 'aio-tasks'

export const mixed = () => concurrent([() => 1, async () => 'a'])
export const lenient = () => concurrent([() => 1], {yieldExceptions: true})
export const unset = () => concurrent([() => 1], {yieldExceptions: undefined})
export const sizes = (words: string[]) => ConcurrentRunner.map(words, (word) => word.length)
export const either = (words: string[]) => ConcurrentRunner.map(words, (word) => word || Promise.resolve(1))
export const source = (words: string[]) => mapped(words, async (word, {item}) => word === item)
export const filled = (users: Array<{name: string}>) => inflate(users, () => [async () => {}])
export const generic = <T>(tasks: Array<() => Promise<T>>) => concurrent(tasks)
export const listeners = () => concurrent([() => 1]).listeners('result')
export const names = () => concurrent([() => 1]).eventNames()
export const queue = () => new TaskQueue<void>()
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- a layer of subclasses is what is compiled
export class Noisy<T> extends ConcurrentRunner<T, false, {noise: [volume: number]}> {
  heard() {
    return this.on('noise', () => {})
  }
}
export const noisy = (words: string[]) => new Noisy(mapped(words, (word) => word.length))
if (noisy(['a']).heard().listenerCount('noise') === 1) console.log('all is well')
