/** Reads the command line of an example: arguments, and options whose values are texts or numbers. */
import {goOnUnread, readArguments, readCount} from './program.js'

/**
 * Prints the usage for `--help`, and one line for wrong arguments. After this call, output that nobody reads is no error.
 *
 * @param usage What `--help` prints.
 * @param count How many arguments there must be besides options.
 * @param defaults The options, each with its default; one whose default is a number must be an integer ≥ 1.
 */
export function readCommandLine<Options extends Record<string, string | number>>(
  usage: string,
  count: number,
  defaults: Options,
): {args: readonly string[]; options: {[Name in keyof Options]: Options[Name] extends number ? number : string}} {
  const texts = Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, `${value}`]))
  const read = readArguments(`${usage}\n`, texts, (values, args) => {
    if (args.length !== count) throw new Error(`Expected ${count} arguments; got ${args.length}`)
    const options = Object.entries(values).map(([name, value]) => [
      name,
      typeof defaults[name] === 'number' ? readCount(name, value) : value,
    ])
    return {args, options: Object.fromEntries(options) as never}
  })
  goOnUnread()
  return read
}
