/** Draws. */
import type {Report} from './report.js'
export function draw(_report: Report): void {}
