import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { answers } from '../database/answers.js'
import type { Database } from '../database/database.js'
import { sharedResult } from '../jobs/shared-result.js'
import { DurationHistogram, TallyCounter } from './places.js'
import type { MetricsPage } from './server.js'

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** A database that has not answered in this time is not up. A page of metrics waits for it. */
const ANSWER_MS_MAX = 1_000
/** Pages within this time share one question. */
const ANSWER_REUSE_MS = 500

/** One response, as metrics count it. Tenant ids are not labels: there are too many, and they are confidential. */
export interface Answered {
  readonly method: string
  readonly route: string
  readonly status: number
  readonly code: string | undefined
  readonly duration_ms: number
  readonly violated: readonly string[]
}

export interface Metrics extends MetricsPage {
  answered(answer: Answered): void
  /** Other parts register their own metrics here. */
  readonly registry: Registry
  /** All registries of the page. */
  readonly registries: readonly Registry[]
}

/** Rate, errors and duration by route template; refusals by code; budgets; database connections; the process. */
export function openMetrics(database: Database, usageDropped: () => number): Metrics {
  const of_process = processMetrics()
  const registry = new Registry()
  const registers = [registry]
  const requests = new TallyCounter(
    'gatehouse_requests_total',
    'Requests answered, by method, route template and status.',
    ['method', 'route', 'status'],
    registry,
  )
  const durations = new DurationHistogram(
    'gatehouse_request_duration_seconds',
    'Time from the first byte of a request to the end of its response.',
    SECONDS,
    registry,
  )
  const refusals = new Counter({
    name: 'gatehouse_refusals_total',
    help: 'Responses that were problems, by code.',
    labelNames: ['code'],
    registers,
  })
  const budgets = new Counter({
    name: 'gatehouse_budgets_exceeded_total',
    help: 'Requests refused because a budget was used up, by budget.',
    labelNames: ['budget'],
    registers,
  })
  new Gauge({
    name: 'gatehouse_database_connections',
    help: 'Busy connections of the pool, and requests that wait for a connection.',
    labelNames: ['state'],
    registers,
    collect() {
      const { busy, waiting } = database.load()
      this.set({ state: 'busy' }, busy)
      this.set({ state: 'waiting' }, waiting)
    },
  })
  const isUp = sharedResult(() => answers(database, ANSWER_MS_MAX), ANSWER_REUSE_MS)
  new Gauge({
    name: 'gatehouse_database_up',
    help: '1 if the database answers a question of this process, 0 if not.',
    aggregator: 'min',
    registers,
    async collect() {
      this.set((await isUp()) ? 1 : 0)
    },
  })
  new Counter({
    name: 'gatehouse_usage_dropped_total',
    help: 'Requests missing in the usage, because too many usage counters were waiting to be written.',
    registers,
    collect() {
      this.reset()
      this.inc(usageDropped())
    },
  })

  return {
    answered({ method, route, status, code, duration_ms, violated }) {
      const name = `${method} ${route}`
      requests.inc(`${name} ${status}`, { method, route, status: String(status) })
      durations.observe(name, { method, route }, duration_ms / 1000)
      if (code !== undefined) refusals.inc({ code })
      for (const budget of violated) budgets.inc({ budget })
    },
    page: () => Registry.merge([of_process, registry]).metrics(),
    content_type: registry.contentType,
    registry,
    registries: [of_process, registry],
  }
}

let process_registry: Registry | undefined

/**
 * CPU, memory, event loop and garbage collection: of the process, so gateways in one process share them. prom-client has
 * no way to end their observers, and an observer keeps everything alive that its registry can reach.
 */
function processMetrics(): Registry {
  if (process_registry === undefined) {
    process_registry = new Registry()
    collectDefaultMetrics({ register: process_registry })
  }
  return process_registry
}
