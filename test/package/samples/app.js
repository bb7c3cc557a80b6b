import {ConcurrentRunner, concurrent, inflate, TaskQueue} from 'aio-tasks'

const queue = new TaskQueue()
const running = new ConcurrentRunner(queue, {limit: 2}).run()
const answers = [queue.push(() => 'pushed'), queue.push(async () => 'later')]
queue.close()

async function main() {
  const found = await concurrent([async () => 1, Promise.resolve(2), () => 3], {ordered: true}).toArray()
  const inflated = await inflate([{name: 'inflated'}], () => [Promise.resolve()]).toArray()
  const {succeeded} = await running
  return JSON.stringify({found, inflated, answers: await Promise.all(answers), succeeded})
}

main().then(console.log, console.error)
