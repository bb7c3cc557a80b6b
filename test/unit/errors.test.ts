import test from 'ava'
import {ConcurrentError, ConcurrentExecutionError, ConcurrentIteratorError} from '../../src/errors.js'

for (const Class of [ConcurrentError, ConcurrentIteratorError, ConcurrentExecutionError]) {
  test(`${Class.name} is an Error and a ConcurrentError of its own name`, (t) => {
    const error = new Class('message', {cause: 'cause', index: 3})
    t.true(error instanceof Error)
    t.true(error instanceof ConcurrentError)
    t.is(error.name, Class.name)
    t.is(String(error), `${Class.name}: message`)
  })

  test(`${Class.name} keeps the cause and the index`, (t) => {
    const cause = {}
    const error = new Class('message', {cause, index: 3})
    t.is(error.cause, cause)
    t.is(error.index, 3)
  })
}

test('the name is that of the class, on its prototype, as for built-in errors', (t) => {
  const error = new ConcurrentExecutionError('message', {cause: 'cause', index: 0})
  t.deepEqual(Object.keys(error), ['index'])
  const ofBuiltIn = Object.getOwnPropertyDescriptor(TypeError.prototype, 'name')
  const own = Object.getOwnPropertyDescriptor(ConcurrentExecutionError.prototype, 'name')
  t.deepEqual(own, {...ofBuiltIn, value: 'ConcurrentExecutionError'})
})

test('the item is there, and is not shown when the error is printed or copied', (t) => {
  const item = {password: 'secret'}
  const error = new ConcurrentError('message', {cause: 'cause', index: 0, item})
  t.is(error.item, item)
  t.false(Object.keys(error).includes('item'))
  t.false(JSON.stringify(error).includes('secret'))
  t.is(new ConcurrentError('message', {cause: 'cause', index: 0}).item, undefined)
})

test('the stack is the message and the frames of the cause', (t) => {
  const fail = (): Error => new Error('mine')
  const cause = fail()
  const {stack} = new ConcurrentExecutionError('Task 3 failed: mine', {cause, index: 3})
  const frames = cause.stack?.slice(cause.stack.indexOf('\n') + 1) ?? ''
  t.regex(frames, /^ +at fail /)
  t.is(stack, `ConcurrentExecutionError: Task 3 failed: mine\n${frames}`)
})

for (const [title, cause] of [
  ['no error', 'cause'],
  ['null', null],
  ['an error whose stack is no string', Object.assign(new Error('cause'), {stack: 5})],
  [
    'an error whose stack throws',
    Object.defineProperty(new Error('cause'), 'stack', {
      get: () => {
        throw new Error('hostile')
      },
    }),
  ],
] as const)
  test(`the stack is the message alone where the cause is ${title}`, (t) => {
    t.is(new ConcurrentError('message', {cause, index: 0}).stack, 'ConcurrentError: message')
  })

test('the frames begin where they do, whatever the message looks like, and are the whole stack where it has no message', (t) => {
  const cause = new Error('look    at this')
  const {stack} = new ConcurrentError('message', {cause, index: 0})
  t.regex(stack ?? '', /^ConcurrentError: message\n {4}at /)
  t.notRegex(stack ?? '', /at this/)
  const elsewhere = Object.assign(new Error('mine'), {stack: 'run@file.js:1:2'})
  t.is(new ConcurrentError('message', {cause: elsewhere, index: 0}).stack, 'ConcurrentError: message\nrun@file.js:1:2')
})

test('the stack can be replaced, and errors made later have frames of their own', (t) => {
  const error = new ConcurrentError('message', {cause: 'cause', index: 0})
  error.stack = 'mine'
  t.is(error.stack, 'mine')
  error.stack = 'mine again'
  const ofOwn = {configurable: true, enumerable: false, writable: true}
  t.deepEqual(Object.getOwnPropertyDescriptor(error, 'stack'), {...ofOwn, value: 'mine again'})
  t.regex(new Error('later').stack ?? '', /\n {4}at /)
})

test('a failed source and a failed task can be told apart', (t) => {
  const details = {cause: undefined, index: 0}
  t.false(new ConcurrentIteratorError('', details) instanceof ConcurrentExecutionError)
  t.false(new ConcurrentExecutionError('', details) instanceof ConcurrentIteratorError)
  t.false(new ConcurrentError('', details) instanceof ConcurrentIteratorError)
})

for (const cause of [undefined, null, 0, '', false, Number.NaN]) {
  test(`the falsy cause ${JSON.stringify(cause) ?? 'undefined'} (${typeof cause}) is there and is that very value`, (t) => {
    const error = new ConcurrentError('message', {cause, index: 0})
    t.true(Object.hasOwn(error, 'cause'))
    t.true(Object.is(error.cause, cause))
  })
}
