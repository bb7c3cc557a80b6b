/** Reads the command line of an example: prints the usage for `--help`, and for what it does not understand. */
import {type ParseArgsConfig, parseArgs} from 'node:util'

/**
 * @param usage What `--help` prints.
 * @param count How many arguments there must be besides options.
 * @param defaults The options, each with its default; one whose default is a number must be an integer ≥ 1.
 */
export function readCommandLine<Options extends Record<string, string | number>>(
  usage: string,
  count: number,
  defaults: Options,
): {args: string[]; options: {[Name in keyof Options]: Options[Name] extends number ? number : string}} {
  try {
    const strings = Object.entries(defaults).map(([name, value]) => [name, {type: 'string', default: `${value}`}])
    const {values, positionals} = parseArgs({
      allowPositionals: true,
      options: {...(Object.fromEntries(strings) as NonNullable<ParseArgsConfig['options']>), help: {type: 'boolean'}},
    })
    if (values['help'] === true) {
      console.log(usage)
      return process.exit()
    }
    if (positionals.length !== count) throw new Error(`Expected ${count} arguments; got ${positionals.length}`)
    const options = Object.entries(defaults).map(([name, value]) => {
      const given = String((values as Record<string, unknown>)[name])
      if (typeof value === 'string') return [name, given]
      if (!/^[1-9]\d{0,8}$/.test(given)) throw new Error(`--${name} must be an integer ≥ 1; got '${given}'`)
      return [name, Number(given)]
    })
    return {args: positionals, options: Object.fromEntries(options) as never}
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${usage}`)
    return process.exit(2)
  }
}
