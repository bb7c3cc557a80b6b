/** Where Redis is, and what the programs of this folder say of it. */

const {REDIS_HOST: host = '127.0.0.1', REDIS_PORT = '6379'} = process.env

export const connection: {readonly host: string; readonly port: number} = {host, port: Number(REDIS_PORT)}

let hasTold = false

/** Prints one line when Redis cannot be reached, and not a line for each attempt; prints any other error as it is. */
export function onError(error: Error): void {
  const {code, message} = error as NodeJS.ErrnoException
  const isLost = /^E[A-Z]+$/.test(code ?? '') || /Connection is closed|Socket timeout/.test(message)
  if (!isLost) console.error(message)
  else if (!hasTold)
    console.error(`Redis cannot be reached at ${host}:${REDIS_PORT} (${code ?? message}); waiting for it`)
  hasTold ||= isLost
}

export function onReady(): void {
  console.error('ready')
  hasTold = false
}
