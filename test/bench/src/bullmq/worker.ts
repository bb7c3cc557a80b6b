/** A bare worker in a process of its own, for the producers to be measured with. */
import {Worker} from './engine.js'

const [, , name = '', port] = process.argv
const worker = new Worker<number, number>(name, async ({data}) => data * 2, {
  connection: {host: '127.0.0.1', port: Number(port)},
  concurrency: 50,
})
worker.on('ready', () => console.log('ready'))
