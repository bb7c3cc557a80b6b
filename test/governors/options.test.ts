import test from 'ava'
import {AdaptiveLimit, all, type Governor, RateLimit, RetryBudget, Semaphore, weigh} from '../../src/governors/index.js'

/** As from JavaScript, where nothing checks types. */
const wrong = (value: unknown): never => value as never
const onlyAcquire: Governor = {acquire: () => ({release() {}})}

const cases: ReadonlyArray<readonly [what: string, body: () => unknown, name: string, message: string]> = [
  [
    'a capacity of 0',
    () => new Semaphore(0),
    'RangeError',
    'capacity must be an integer >= 1, or Infinity for no limit; got 0',
  ],
  [
    'a capacity that is a string',
    () => new Semaphore(wrong('2')),
    'TypeError',
    'capacity must be an integer >= 1, or Infinity for no limit; got "2"',
  ],
  [
    'a capacity that is set to NaN',
    () => (new Semaphore(1).capacity = Number.NaN),
    'RangeError',
    'capacity must be an integer >= 1, or Infinity for no limit; got NaN',
  ],
  [
    'a negative cost',
    () => new Semaphore(1).acquire({cost: -1}),
    'RangeError',
    'cost must be a finite number >= 0; got -1',
  ],
  [
    'a cost that is a string',
    () => new Semaphore(1).tryAcquire(wrong({cost: '1'})),
    'TypeError',
    'cost must be a finite number >= 0; got "1"',
  ],
  [
    'a cost without an end',
    () => new Semaphore(1).acquire({cost: Infinity}),
    'RangeError',
    'cost must be a finite number >= 0; got Infinity',
  ],
  ['options that are null', () => new RateLimit(wrong(null)), 'TypeError', 'options must be an object; got null'],
  [
    'options that are an array',
    () => new RateLimit(wrong([1, 2])),
    'TypeError',
    'options must be an object; got an array of length 2',
  ],
  ['no options', () => new RateLimit(wrong(undefined)), 'TypeError', 'options must be an object; got undefined'],
  [
    'an amount of 0',
    () => new RateLimit({amount: 0, per: 1}),
    'RangeError',
    'amount must be a finite number > 0; got 0',
  ],
  [
    'an amount without an end',
    () => new RateLimit({amount: Infinity, per: 1}),
    'RangeError',
    'amount must be a finite number > 0; got Infinity',
  ],
  [
    'a hold of less than nothing',
    () => new RateLimit({amount: 1, per: 1}).holdFor(-1),
    'RangeError',
    'ms must be a finite number of milliseconds >= 0; got -1',
  ],
  [
    'a moment that is null',
    () => new RateLimit({amount: 1, per: 1}).holdUntil(wrong(null)),
    'TypeError',
    'moment must be a valid Date, or a finite number of milliseconds since 1970; got null',
  ],
  [
    'no per',
    () => new RateLimit(wrong({amount: 1})),
    'TypeError',
    'per must be a finite number of milliseconds > 0; got undefined',
  ],
  [
    'an unknown option',
    () => new RateLimit(wrong({amount: 1, per: 1, mount: 2})),
    'TypeError',
    'There is no option mount: did you mean amount?',
  ],
  [
    'a hold without end',
    () => new RateLimit({amount: 1, per: 1}).holdFor(Infinity),
    'RangeError',
    'ms must be a finite number of milliseconds >= 0; got Infinity',
  ],
  [
    'an invalid date',
    () => new RateLimit({amount: 1, per: 1}).holdUntil(new Date('never')),
    'RangeError',
    'moment must be a valid Date, or a finite number of milliseconds since 1970; got NaN',
  ],
  [
    'a moment that is a string',
    () => new RateLimit({amount: 1, per: 1}).holdUntil(wrong('now')),
    'TypeError',
    'moment must be a valid Date, or a finite number of milliseconds since 1970; got "now"',
  ],
  ['a min of 0', () => new AdaptiveLimit({min: 0}), 'RangeError', 'min must be an integer >= 1; got 0'],
  [
    'a max that is no integer',
    () => new AdaptiveLimit({max: 1.5}),
    'RangeError',
    'max must be an integer >= min (1), or Infinity for no bound; got 1.5',
  ],
  [
    'a start below min',
    () => new AdaptiveLimit({min: 3, start: 2}),
    'RangeError',
    'start must be an integer from min (3) to max (1000); got 2',
  ],
  [
    'a start that is no integer',
    () => new AdaptiveLimit({start: 1.5}),
    'RangeError',
    'start must be an integer from min (1) to max (1000); got 1.5',
  ],
  [
    'a max below min',
    () => new AdaptiveLimit({min: 3, max: 2}),
    'RangeError',
    'max must be an integer >= min (3), or Infinity for no bound; got 2',
  ],
  [
    'a start above max',
    () => new AdaptiveLimit({max: 2, start: 3}),
    'RangeError',
    'start must be an integer from min (1) to max (2); got 3',
  ],
  [
    'an isOverload that is no function',
    () => new AdaptiveLimit(wrong({isOverload: 429})),
    'TypeError',
    'isOverload must be a function; got 429',
  ],
  [
    'an option of another name',
    () => new AdaptiveLimit(wrong({isOverloaded: () => true})),
    'TypeError',
    'There is no option isOverloaded: did you mean isOverload?',
  ],
  ['a negative ratio', () => new RetryBudget({ratio: -1}), 'RangeError', 'ratio must be a finite number >= 0; got -1'],
  [
    'a ratio without an end',
    () => new RetryBudget({ratio: Infinity}),
    'RangeError',
    'ratio must be a finite number >= 0; got Infinity',
  ],
  ['a negative min', () => new RetryBudget({min: -1}), 'RangeError', 'min must be an integer >= 0; got -1'],
  ['a min that is no integer', () => new RetryBudget({min: 0.5}), 'RangeError', 'min must be an integer >= 0; got 0.5'],
  ['all of nothing', () => all(), 'TypeError', 'all must be given at least one governor; got none'],
  [
    'all of no governor',
    () => all(wrong({})),
    'TypeError',
    'governor 1 of 1 must be a governor, an object with acquire; got an object of class Object',
  ],
  [
    'one without tryAcquire before others',
    () => all(onlyAcquire, new Semaphore(1)),
    'TypeError',
    'governor 1 of 2 must have tryAcquire, or come last; got an object of class Object without it',
  ],
  [
    'a cost that is no number',
    () => weigh(new Semaphore(1), wrong('1')),
    'TypeError',
    'cost must be a finite number >= 0, or a function of the context; got "1"',
  ],
  [
    'an actual cost that is no function',
    () => weigh(new Semaphore(1), 1, wrong(2)),
    'TypeError',
    'actual must be a function; got 2',
  ],
  [
    'weigh of nothing',
    () => weigh(wrong(undefined), 1),
    'TypeError',
    'governor must be a governor, an object with acquire; got undefined',
  ],
]

for (const [what, body, name, message] of cases)
  test(`${what} is refused with a ${name}`, (t) => {
    t.throws(body, {name, message})
  })

test('an adaptive limit may have no bound, and starts at 4 or the nearest number that is allowed', (t) => {
  t.is(new AdaptiveLimit({max: Infinity}).limit, 4)
  t.is(new AdaptiveLimit({max: 2}).limit, 2)
  t.is(new AdaptiveLimit({min: 2000}).limit, 2000)
})

test('an option that does not exist and is undefined counts as left out', (t) => {
  t.is(new RateLimit(Object.assign({amount: 1, per: 2}, {amout: undefined})).per, 2)
})

test('the same governor twice is refused, also behind another one', (t) => {
  const semaphore = new Semaphore(1)
  const message = 'all must be given each governor once; got an object of class Semaphore twice'
  t.throws(() => all(semaphore, semaphore), {instanceOf: TypeError, message})
  t.throws(() => all(all(semaphore), weigh(semaphore, 2)), {instanceOf: TypeError, message})
})
