/** For examples that are programs: `--help`, one line for wrong arguments, and an end by Ctrl-C or when nobody reads the output. */
import {once} from 'node:events'
import type {Server} from 'node:http'
import {parseArgs} from 'node:util'

type Values<Defaults> = {readonly [Name in keyof Defaults]: string}

/**
 * Reads the command line; ends the process after `--help`, and with status 2 where an argument is wrong.
 *
 * @param help What `--help` prints.
 * @param defaults The options, which all take a value, by their defaults.
 * @param check Makes what the program needs of the values and the other arguments; throws where one is wrong.
 */
export function readArguments<Defaults extends Readonly<Record<string, string>>, Arguments>(
  help: string,
  defaults: Defaults,
  check: (values: Values<Defaults>, positionals: readonly string[]) => Arguments,
): Arguments {
  try {
    const given = Object.entries(defaults).map(([name, value]) => [name, {type: 'string', default: value}] as const)
    const options = {...Object.fromEntries(given), help: {type: 'boolean', short: 'h'}} as const
    const {values, positionals} = parseArgs({allowPositionals: true, options})
    if (values.help !== true) return check(values as Values<Defaults>, positionals)
    process.stdout.write(help)
    return process.exit()
  } catch (error) {
    const [told] = (error as Error).message.split(/\.? To specify|\.?\n/)
    process.stderr.write(`${told} (--help tells more)\n`)
    return process.exit(2)
  }
}

/** The value of an option that counts something: an integer from 1 to 999999999. */
export function readCount(name: string, value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw new Error(`--${name} must be an integer ≥ 1; got '${value}'`)
  return Number(value)
}

/** The value of an environment variable that counts something: an integer from `least` to 999999999. */
export function readVariable(name: string, byDefault: number, least: number = 1): number {
  const value = process.env[name] ?? `${byDefault}`
  if (!/^\d{1,9}$/.test(value) || Number(value) < least)
    throw new Error(`${name} must be an integer ≥ ${least}; got '${value}'`)
  return Number(value)
}

/** Throws if there are more than `most` arguments beside the options. */
export function checkPositionals(positionals: readonly string[], most: number, what: string): void {
  if (positionals.length > most) throw new Error(`Expected ${what}; got '${positionals.join("', '")}'`)
}

/**
 * Runs a program that can be ended early: by Ctrl-C or SIGTERM, with status 130 or 143, or because nobody reads its
 * output any more, as after `| head`, with status 0. A second Ctrl-C ends the process at once.
 *
 * @param main Gets a signal that aborts then; it cleans up, and rejects with the signal's reason.
 */
export async function untilEnded(main: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const {signal} = controller
  let status = 0
  const end = (cause: string, code: number): void => {
    if (signal.aborted) return
    status = code
    controller.abort(new DOMException(`Ended by ${cause}`, 'AbortError'))
  }
  const interrupt = (name: string, number: number): void => {
    if (signal.aborted) process.exit(128 + number)
    end(name, 128 + number)
  }
  // Not `once`: a library that also listens, such as one that hides the cursor, would find itself alone and end the process.
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  for (const stream of [process.stdout, process.stderr])
    stream.on('error', ({code, message}: NodeJS.ErrnoException) => {
      if (code !== 'EPIPE' && stream === process.stdout) process.stderr.write(`${message}\n`)
      end('its output', code === 'EPIPE' ? 0 : 1)
    })
  try {
    await main(signal)
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
    process.exit(status) // even with output that nobody takes
  }
}

/** Lets a server listen; ends the process with status 1 and one line if it cannot, as where the port is in use. */
export async function listen(server: Server, port: number): Promise<void> {
  try {
    await once(server.listen(port), 'listening')
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`)
    process.exit(1)
  }
}

/** Goes on when nobody reads the output any more: a service has more to do than to print. */
export function goOnUnread(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Ends the process at once when its output cannot be written: quietly if nobody reads it any more, as after `| head`. */
export function exitWhenUnread(): void {
  process.stdout.on('error', ({code}: NodeJS.ErrnoException) => process.exit(code === 'EPIPE' ? 0 : 1))
}
