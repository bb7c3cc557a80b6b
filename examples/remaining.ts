/** The lines of a file that are still to be done, which the next run takes up. */
import {existsSync, readFileSync, rmSync, writeFileSync} from 'node:fs'

export class Remaining extends Set<string> {
  readonly #file: string

  /**
   * @param list The file with all lines.
   * @param file The file for the lines that are left. If it exists, it is read in place of the list.
   */
  constructor(list: string, file: string) {
    super(readFileSync(existsSync(file) ? file : list, 'utf8').split('\n'))
    this.delete('')
    this.#file = file
  }

  /** Writes the file; removes it if nothing is left. */
  save(): void {
    if (this.size > 0) writeFileSync(this.#file, [...this].join('\n'))
    else rmSync(this.#file, {force: true})
  }
}
