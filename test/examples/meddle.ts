/**
 * Loaded ahead of an example: counts the files it has open, told on stderr when it exits, and changes
 * files by their extension just before they are opened, as another process might.
 */
import {execFileSync} from 'node:child_process'
import type {EventEmitter} from 'node:events'
import fs from 'node:fs'
import {syncBuiltinESMExports} from 'node:module'

const meddlers: Readonly<Record<string, (path: string) => void>> = {
  '.gone': (path) => fs.unlinkSync(path),
  '.gone/': (path) => fs.rmdirSync(path),
  '.fifo': (path) => {
    fs.unlinkSync(path)
    execFileSync('mkfifo', [path])
  },
  '.link': (path) => {
    fs.renameSync(path, `${path}ed`)
    fs.symlinkSync(`${path}ed`, path)
  },
}

function meddle(path: unknown): void {
  for (const [extension, change] of Object.entries(meddlers)) if (String(path).endsWith(extension)) change(String(path))
}

let opened = 0
let isOpen = 0
let most = 0
const {open, readdir} = fs.promises

fs.promises.open = async (...args) => {
  meddle(args[0])
  const file = await open(...args)
  opened++
  most = Math.max(most, ++isOpen)
  ;(file as typeof file & EventEmitter).on('close', () => isOpen--) // an emitter, though its type has forgotten that
  return file
}
fs.promises.readdir = (async (...args: Parameters<typeof readdir>) => {
  meddle(args[0])
  return readdir(...args)
}) as typeof readdir
syncBuiltinESMExports()

process.on('exit', () => fs.writeSync(2, `opened: ${opened}, open: ${isOpen}, at most: ${most}\n`))
