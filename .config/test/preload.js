/** Loaded ahead of every program of a test run against what is built; see `hooks.js`. */
import {register} from 'node:module'

register('./hooks.js', import.meta.url)
