import {readFileSync} from 'node:fs'
import test from 'ava'
import * as library from '../../src/index.js'
import {runInChild} from './child.js'

test('the library exports exactly these values', (t) => {
  t.deepEqual(Object.keys(library).sort(), [
    'ConcurrentError',
    'ConcurrentExecutionError',
    'ConcurrentIteratorError',
    'ConcurrentRunner',
    'TaskQueue',
    'concurrent',
    'defaultLimit',
    'inflate',
    'mapped',
  ])
})

test('the library has no default export', (t) => {
  t.false('default' in library)
})

test('every type that a signature of the library needs is exported too', (t) => {
  const text = readFileSync(new URL('../../src/index.ts', import.meta.url), 'utf8')
  t.true(text.includes("export type * from './types.js'"))
  t.regex(text, /export type \{ConcurrentErrorDetails\} from/)
})

test('of no file but those of types alone everything is exported', (t) => {
  const text = readFileSync(new URL('../../src/index.ts', import.meta.url), 'utf8')
  t.deepEqual(text.match(/export (type )?\*.*/g), ["export type * from './types.js'"])
})

test('importing the library says nothing and keeps no process alive', (t) => {
  const {status, stdout, stderr} = runInChild(`import './src/index.js'`)
  t.is(status, 0)
  t.is(stdout + stderr, '')
})
