/** The public exports of the governors, which decide when a task may start. */
export {AdaptiveLimit, type AdaptiveLimitOptions} from './adaptive-limit.js'
export {all, weigh} from './combine.js'
export type {Budget, DisposablePermit, Governor, LocalGovernor, Outcome, Permit, Request} from './governor.js'
export {RateLimit, type RateLimitOptions} from './rate-limit.js'
export {RetryBudget, type RetryBudgetOptions} from './retry-budget.js'
export {Semaphore} from './semaphore.js'
