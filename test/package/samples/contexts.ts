/** Everything of a run happens in the async context in which the run was started, on any runtime that has such contexts. */
import {AsyncLocalStorage} from 'node:async_hooks'
import {ConcurrentRunner, concurrent, type Task, type TaskContext, TaskQueue} from 'aio-tasks'

const storage = new AsyncLocalStorage<string>()
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1))

class Noting extends ConcurrentRunner<void> {
  readonly seen: Set<string | undefined> = new Set()

  protected override async ready(): Promise<void> {
    this.seen.add(storage.getStore())
    await turn()
    this.seen.add(storage.getStore())
  }

  protected override execute(task: Task<void>, context: TaskContext): PromiseLike<void> | void {
    this.seen.add(storage.getStore())
    return super.execute(task, context)
  }
}

/** Each with what it should give. */
const trials: Readonly<Record<string, readonly [trial: () => Promise<unknown>, expected: unknown]>> = {
  'tasks, hooks and the source of a run that others drive': [
    async () => {
      const runner: Noting = new Noting(
        async function* () {
          for (let count = 0; count < 6; count++) {
            runner.seen.add(storage.getStore())
            await turn()
            runner.seen.add(storage.getStore())
            yield async () => {
              runner.seen.add(storage.getStore())
              await turn()
              runner.seen.add(storage.getStore())
            }
          }
        },
        {limit: 1, highWaterMark: 1},
      )
      await storage.run('start', () => runner.next())
      runner.pause()
      storage.run('resume', () => runner.resume())
      storage.run('limit', () => {
        runner.limit = 2
      })
      await storage.run('next', () => runner.next())
      await storage.run('run', () => runner.run())
      return [...runner.seen]
    },
    ['start'],
  ],
  'a run that starts outside of any context': [
    async () => {
      const seen: unknown[] = []
      const task = async (): Promise<void> => void seen.push(storage.getStore() ?? 'none')
      const runner = concurrent([task, task, task], {limit: 1, highWaterMark: 0})
      await runner.next()
      await storage.run('request', () => runner.run())
      return seen
    },
    ['none', 'none', 'none'],
  ],
  'what a task sets for itself': [
    async () => {
      const seen: unknown[] = []
      const task = ({index}: TaskContext): Promise<void> => {
        seen.push(storage.getStore())
        return storage.run(`task ${index}`, turn)
      }
      await storage.run('start', () => concurrent([task, task, task], {limit: 1}).run())
      return seen
    },
    ['start', 'start', 'start'],
  ],
  'pushes and their retries': [
    async () => {
      const seen: unknown[] = []
      const queue = new TaskQueue()
      storage.run('runner', () => queue.run({limit: 1, retry: {delay: 1}}))
      const failing = async (): Promise<void> => {
        seen.push(storage.getStore())
        await turn()
        throw new Error('no')
      }
      const push = storage.run('push', () => queue.push(failing))
      await push.catch(() => {})
      await queue.push(() => void seen.push(storage.getStore() ?? 'none'))
      return seen
    },
    ['push', 'push', 'push', 'none'],
  ],
}

const found: string[] = []
for (const [name, [trial, expected]] of Object.entries(trials)) {
  const [got, wanted] = [await trial(), expected].map((value) => JSON.stringify(value))
  if (got !== wanted) found.push(`${name}: ${got}`)
}
console.log(JSON.stringify({trials: Object.keys(trials).length, found}))
process.exit()
