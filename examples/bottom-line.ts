/** A line at the bottom of a terminal that stays there while results scroll by above it, from whichever process they come. */
import {Writable} from 'node:stream'
import type {WriteStream} from 'node:tty'

/** Whether a stream is a terminal that can move its cursor. */
export function isScreen(stream: {readonly isTTY?: boolean}): boolean {
  return stream.isTTY === true && process.env['TERM'] !== 'dumb'
}

/**
 * Takes the last row of a terminal out of what scrolls, as `apt` does, and writes there what it gets: the last line of
 * each chunk. So a bar and results never meet, even if the results go through another program. The row is given back
 * by `destroy()`, `end()` and the end of the process.
 *
 * @example
 * ```ts
 * const line = new BottomLine(process.stderr)
 * line.write('1 of 3 done')
 * line.destroy()
 * ```
 */
export class BottomLine extends Writable {
  readonly #terminal: WriteStream
  #text = ''
  readonly #resized = (): void => this.#reserve()
  readonly #exited = (): void => void this.destroy()

  constructor(terminal: WriteStream) {
    super({decodeStrings: false})
    this.#terminal = terminal
    this.#reserve()
    terminal.on('resize', this.#resized)
    process.once('exit', this.#exited)
  }

  /** The terminal's width. */
  get columns(): number {
    return this.#terminal.columns
  }

  override _write(chunk: string | Buffer, _encoding: BufferEncoding, done: () => void): void {
    const text = String(chunk).trim()
    if (text !== '') this.#paint(text)
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#terminal.off('resize', this.#resized)
    process.off('exit', this.#exited)
    this.#terminal.write(`\x1B7\x1B[r\x1B[${this.#terminal.rows};1H\x1B[2K\x1B8`)
    done(error)
  }

  /** Rows from the first to the last but one scroll. A line feed first, as the cursor may be on the last row. */
  #reserve(): void {
    this.#terminal.write(`\n\x1B7\x1B[1;${this.#terminal.rows - 1}r\x1B8\x1B[1A`)
    this.#paint(this.#text)
  }

  /** Writes all at once, so that no other process writes between. The cursor comes back to where it was. */
  #paint(text: string): void {
    this.#text = text
    const {rows, columns} = this.#terminal
    this.#terminal.write(`\x1B7\x1B[${rows};1H\x1B[2K${text.slice(0, columns - 1)}\x1B8`)
  }
}
