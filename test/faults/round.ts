/**
 * One round: workers and a producer in processes of their own, one fault, and the conditions that must hold in the end.
 */
import type {Proxy} from '../bullmq/helpers/proxy.js'
import type {Random} from '../helpers/random.js'
import {type Ground, proxyBefore} from './grounds.js'
import {Program} from './program.js'
import type {Settings} from './programs/settings.js'

/** A round that has not ended after this time, in milliseconds, is a hang. */
const patience = 90_000

export interface Outcome {
  readonly jobs: number
  readonly results: number
  readonly failures: number
  /** How many runs of handlers there were beyond one for each job. */
  readonly reruns: number
  /** The conditions that did not hold. */
  readonly problems: readonly string[]
}

/** One kind of fault. */
export interface Row {
  readonly name: string
  /** Causes the fault, and resolves when the run may go on undisturbed. */
  strike(round: Round): Promise<void>
  /** Whether the run goes over a proxy. */
  readonly hasProxy?: true
  /** Whether one of the jobs blocks its worker. */
  readonly hasBlockingJob?: true
  /** The condition of a run that does not end with all results. */
  readonly isAborted?: true
  readonly only?: 'bullmq'
}

export class Round {
  readonly ground: Ground
  readonly random: Random
  readonly queue: string
  readonly workers: Program[] = []
  readonly #producers: Program[] = []
  readonly #folder: string
  readonly #row: Row
  readonly #count: number
  readonly #deadline = Date.now() + patience
  proxy: Proxy | undefined
  #settings: Settings

  constructor(ground: Ground, row: Row, random: Random, queue: string, folder: string) {
    this.ground = ground
    this.#row = row
    this.random = random
    this.queue = queue
    this.#folder = folder
    this.#count = random.integer(200, 600)
    const [limit, ms] = [random.integer(2, 22), random.integer(2, 22)]
    this.#settings = {
      engine: ground.engine,
      queue,
      port: ground.port,
      limit,
      ms,
      count: this.#count,
      blocks: row.hasBlockingJob ?? false,
    }
  }

  get producer(): Program {
    const latest = this.#producers.at(-1)
    if (latest === undefined) throw new Error('There is no producer yet')
    return latest
  }

  async addWorker(): Promise<void> {
    const worker = new Program(this.#folder, 'worker', this.#settings)
    this.workers.push(worker)
    await this.#until(() => worker.lines.includes('ready') || worker.hasEnded, 'a worker to be ready')
  }

  async addProducer(): Promise<void> {
    this.#producers.push(new Program(this.#folder, 'producer', this.#settings))
  }

  async run(): Promise<Outcome> {
    const problems: string[] = []
    const before = this.#row.hasProxy ? await proxyBefore(this.ground) : undefined
    if (before) {
      this.proxy = before.proxy
      this.#settings = {...this.#settings, port: before.port}
    }
    try {
      await Promise.all([this.addWorker(), this.addWorker()])
      await this.addProducer()
      const part = Math.floor(this.#count * (0.1 + 0.7 * this.random.fraction()))
      await this.#until(() => this.#results().length >= part, 'a part of the results')
      await this.#row.strike(this)
      await this.#until(() => this.producer.hasEnded, 'the producer to end')
      for (const worker of this.workers) if (!worker.hasEnded) await this.#ended(worker)
      problems.push(...(await this.#check()))
    } catch (error) {
      problems.push((error as Error).message)
    }
    for (const program of [...this.workers, ...this.#producers]) await program.kill('SIGKILL')
    before?.end()
    const runs = this.workers.flatMap((worker) => worker.all('run'))
    return {
      jobs: this.#count,
      results: new Set(this.#results()).size,
      failures: this.producer.all('failure').length,
      reruns: runs.length - new Set(runs).size,
      problems,
    }
  }

  #results(): string[] {
    return this.#producers.flatMap((producer) => producer.all('result'))
  }

  async #ended(worker: Program): Promise<void> {
    void worker.kill('SIGTERM')
    await this.#until(() => worker.hasEnded, 'a worker to end')
  }

  async #check(): Promise<string[]> {
    const problems: string[] = []
    const all = [...this.workers, ...this.#producers]
    for (const program of all) {
      if (program.exitCode !== null && program.exitCode !== 0)
        problems.push(`a process ended with ${program.exitCode}: ${program.errors.slice(-500)}`)
      problems.push(...program.all('failed').filter((reason) => !this.#row.isAborted || !reason.includes('AbortError')))
    }
    const results = this.producer.all('result')
    if (new Set(results).size !== results.length) problems.push('a result came twice')
    if (this.#row.isAborted) {
      const waiting = await this.ground.waiting(this.queue)
      if (waiting > 0) problems.push(`${waiting} jobs still wait`)
      return problems
    }
    const failures = this.producer.all('failure')
    if (results.length + failures.length !== this.#count)
      problems.push(`${results.length} results and ${failures.length} failures, of ${this.#count} jobs`)
    problems.push(...failures.slice(0, 3))
    return problems
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      if (Date.now() > this.#deadline) throw new Error(`hang: waited in vain for ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
