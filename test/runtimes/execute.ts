/** Runs a program to its end. */
import {execFile} from 'node:child_process'

export interface Ended {
  /** Its exit status; `null` if it was killed, as for taking too long. */
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

export interface Circumstances {
  readonly cwd?: string
  readonly env?: Record<string, string>
}

const patience = 600_000

export function execute(program: string, args: readonly string[], {cwd, env}: Circumstances = {}): Promise<Ended> {
  return new Promise((resolve) => {
    const options = {
      ...(cwd === undefined ? {} : {cwd}),
      env: {...process.env, ...env},
      timeout: patience,
      maxBuffer: 64 * 1024 * 1024,
    }
    const child = execFile(program, [...args], options, (error, output, errors) => {
      resolve({
        code: child.exitCode,
        output,
        errors: child.exitCode === null ? `${errors}${error?.message ?? ''}` : errors,
      })
    })
  })
}
