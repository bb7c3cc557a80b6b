/** Loaded ahead of an example: says on stderr when the example has begun to listen to Ctrl-C. */
process.on('newListener', (event) => {
  if (event === 'SIGINT') setImmediate(() => process.stderr.write('listens\n'))
})
