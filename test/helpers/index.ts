/** The helpers of the tests, in one place. */
export * from './clock.js'
export * from './manual.js'
export * from './outcomes.js'
export * from './recorder.js'
export * from './tracked.js'
export * from './turn.js'
export * from './typescript.js'
export * from './unhandled.js'
