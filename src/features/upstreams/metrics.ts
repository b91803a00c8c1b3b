import { Counter, Gauge, type Registry } from 'prom-client'
import { DurationHistogram, TallyCounter } from '../../kernel/metrics/places.js'
import type { BreakerState } from './pool/breaker.js'
import type { Upstreams } from './pool/upstreams.js'

/**
 * How a request to an upstream went: it was answered, whatever the answer; it broke off in the middle of its answer; it
 * failed; nobody could be asked; the caller left; or the caller's body was refused on its way.
 */
export type ForwardOutcome = 'answered' | 'broken' | 'failed' | 'timeout' | 'unavailable' | 'aborted' | 'refused'

export interface UpstreamMetrics {
  /** The breaker of an origin came into a state. */
  breakerChanged(upstream: string, origin: string, to: BreakerState): void
  /** `duration_ms` until the outcome was known: the head of the answer, or the failure. */
  forwarded(upstream: string, outcome: ForwardOutcome, duration_ms: number, tries: number): void
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const STATES: readonly BreakerState[] = ['closed', 'open', 'half_open']

/** Metrics of upstreams, by names of the manifest alone, so there are as many of them as it has. */
export function openUpstreamMetrics(registry: Registry, upstreams: Upstreams): UpstreamMetrics {
  const registers = [registry]
  const requests = new TallyCounter(
    'gatehouse_upstream_requests_total',
    'Requests that were to be forwarded, by upstream and outcome.',
    ['upstream', 'outcome'],
    registry,
  )
  const durations = new DurationHistogram(
    'gatehouse_upstream_duration_seconds',
    'Time until an upstream began its answer, or failed.',
    SECONDS,
    registry,
  )
  const retries = new Counter({
    name: 'gatehouse_upstream_retries_total',
    help: 'Further tries after a connection failed.',
    labelNames: ['upstream'],
    registers,
  })
  const changes = new Counter({
    name: 'gatehouse_upstream_breaker_changes_total',
    help: 'How often the breaker of an origin came into a state.',
    labelNames: ['upstream', 'origin', 'state'],
    registers,
  })
  const ofBackends = (
    name: string,
    help: string,
    labels: string[],
    aggregator: 'min' | 'max' | 'sum',
    collect: (gauge: Gauge) => void,
  ) =>
    new Gauge({
      name,
      help,
      labelNames: ['upstream', 'origin', ...labels],
      registers,
      aggregator,
      collect() {
        this.reset()
        collect(this)
      },
    })
  const each = () =>
    [...upstreams.current().upstreams.values()].flatMap(({ declared, backends }) =>
      backends.map((backend) => ({ labels: { upstream: declared.name, origin: backend.url }, backend })),
    )
  ofBackends(
    'gatehouse_upstream_breaker_state',
    '1 for the state that the breaker of an origin is in.',
    ['state'],
    'max',
    (gauge) => {
      for (const { labels, backend } of each()) {
        for (const state of STATES) gauge.set({ ...labels, state }, backend.breaker.state === state ? 1 : 0)
      }
    },
  )
  ofBackends(
    'gatehouse_upstream_healthy',
    'Whether the health check of an origin lets requests go there.',
    [],
    'min',
    (gauge) => {
      for (const { labels, backend } of each()) gauge.set(labels, backend.is_healthy ? 1 : 0)
    },
  )
  ofBackends(
    'gatehouse_upstream_in_flight',
    'Requests that are with an origin, or wait for a connection.',
    [],
    'sum',
    (gauge) => {
      for (const { labels, backend } of each()) gauge.set(labels, backend.in_flight)
    },
  )

  return {
    forwarded(upstream, outcome, duration_ms, tries) {
      requests.inc(`${upstream} ${outcome}`, { upstream, outcome })
      durations.observe(upstream, { upstream }, duration_ms / 1000)
      if (tries > 1) retries.inc({ upstream }, tries - 1)
    },
    breakerChanged: (upstream, origin, state) => changes.inc({ upstream, origin, state }),
  }
}
