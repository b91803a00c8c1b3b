import type { Dispatcher } from 'undici'
import type { Backend, Lane } from '../pool/backend.js'
import type { EndsConnection } from '../pool/connection.js'
import type { ForwardRequest } from './forward-request.js'

/** Interim responses (1xx) of one attempt. Each one restarts the timeout for the response. */
const INTERIM_MAX = 16

/** What the exchange of an attempt does with its events. */
export interface AttemptListener {
  /** The tenant whose request is forwarded. */
  readonly tenant_id: string
  /** The status line and the headers arrived. `raw_headers` has names and values in turn. */
  onHead(status: number, raw_headers: Buffer[], resume: () => void): void
  /** @returns whether more can arrive now; otherwise the listener calls `resume` later */
  onData(chunk: Buffer): boolean
  onComplete(): void
  /** Whether a failure counts against the backend. It does not if the client caused it, or may have. */
  isFailureOfBackend(was_connected: boolean): boolean
  /** The attempt failed. A cancelled attempt reports nothing. Without a connection, the backend received nothing. */
  onFailure(error: Error, was_connected: boolean): void
  /** No connection to the backend was free in time. The attempt is cancelled. */
  onConnectTimeout(): void
}

/** How far an attempt is. Each phase has what can be done in it. */
type Phase =
  /** Waits for a connection. The timeouts of the connection do not run yet, so the timer does. */
  | { readonly kind: 'connecting'; timer: NodeJS.Timeout | undefined }
  /** The backend has the request, or part of it. */
  | { readonly kind: 'connected'; readonly abort: (error?: Error) => void; interims: number }
  /** The head of the response has arrived. */
  | { readonly kind: 'answered'; readonly abort: (error?: Error) => void }
  /** The exchange has no use for it. It still holds a connection, or its place in the queue for one. */
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'ended' }

/** One request to one backend. It keeps the count of requests in flight and the breaker of the backend right. */
export class Attempt implements Dispatcher.DispatchHandler, EndsConnection {
  endConnection: (error: Error) => void = () => undefined
  private lane: Lane | undefined
  private phase: Phase = { kind: 'connecting', timer: undefined }

  constructor(
    private readonly backend: Backend,
    private readonly listener: AttemptListener,
  ) {}

  send({ method, path, headers, body, timeout_ms, idle_ms_max }: ForwardRequest): void {
    const { backend, phase } = this
    this.lane = idle_ms_max === undefined ? backend.requests : backend.streams
    this.lane.in_flight += 1
    backend.breaker.enter()
    const timeouts = { headersTimeout: timeout_ms, bodyTimeout: idle_ms_max ?? timeout_ms }
    this.lane.pool.dispatch({ path, method, headers, body: body ?? null, ...timeouts }, this)
    // A free connection takes the request before dispatch returns.
    if (this.phase === phase && phase.kind === 'connecting') {
      phase.timer = setTimeout(() => this.onConnectTimeout(), timeout_ms)
    }
  }

  /** Ends the attempt without a report to the exchange. Its outcome says nothing about the backend. */
  cancel(): void {
    const { phase } = this
    if (phase.kind === 'cancelled' || phase.kind === 'ended') return
    this.phase = { kind: 'cancelled' }
    if (phase.kind === 'connecting') clearTimeout(phase.timer)
    if (phase.kind !== 'answered') this.backend.breaker.leave()
    if (phase.kind !== 'connecting') this.abort(phase, new Error('the client disconnected'))
  }

  onConnect(abort: (error?: Error) => void): void {
    const { phase } = this
    if (phase.kind === 'cancelled') {
      // Nothing of the request was sent, so the connection can serve another one.
      abort()
      return
    }
    if (phase.kind === 'connecting') clearTimeout(phase.timer)
    this.phase = { kind: 'connected', abort, interims: 0 }
  }

  onHeaders(status: number, raw_headers: Buffer[], resume: () => void): boolean {
    const { phase } = this
    if (phase.kind !== 'connected') throw new Error(`a response arrived for an attempt that is ${phase.kind}`)
    // Interim responses concern this connection only (RFC 9110 section 15.2).
    if (status < 200) {
      phase.interims += 1
      if (phase.interims > INTERIM_MAX) this.abort(phase, new Error('too many interim responses'))
      return true
    }
    if (hasForbiddenBody(status, raw_headers)) {
      this.abort(phase, new Error(`a ${status} with a body`))
      return true
    }
    this.phase = { kind: 'answered', abort: phase.abort }
    this.backend.breaker.succeed()
    this.listener.onHead(status, raw_headers, resume)
    return true
  }

  onData(chunk: Buffer): boolean {
    return this.listener.onData(chunk)
  }

  onComplete(): void {
    this.end()
    this.listener.onComplete()
  }

  onError(error: Error): void {
    const { kind } = this.phase
    this.end()
    if (kind === 'cancelled' || kind === 'ended') return
    // Before the report: the exchange may choose a backend for another attempt.
    const was_connected = kind !== 'connecting'
    if (!isUnaskedContinue(error) && this.listener.isFailureOfBackend(was_connected)) {
      const { tenant_id } = this.listener
      this.backend.breaker.fail(was_connected ? { kind: 'response', tenant_id } : { kind: 'connection' })
    } else if (kind !== 'answered') this.backend.breaker.leave()
    this.listener.onFailure(error, was_connected)
  }

  /** Ends the connection, because more of the response could arrive on it, and the request. */
  private abort({ abort }: Phase & { kind: 'connected' | 'answered' }, error: Error): void {
    this.endConnection(error)
    abort(error)
  }

  private onConnectTimeout(): void {
    this.cancel()
    this.listener.onConnectTimeout()
  }

  private end(): void {
    const { phase } = this
    if (phase.kind === 'ended') return
    if (phase.kind === 'connecting') clearTimeout(phase.timer)
    this.phase = { kind: 'ended' }
    if (this.lane !== undefined) this.lane.in_flight -= 1
  }
}

/**
 * Checks whether undici gave a response up because of a `100 Continue` that the gateway did not ask for. RFC 9110 section
 * 15.2 allows it, and undici cannot ignore it. The backend answered, so the breaker must not open for all tenants.
 */
function isUnaskedContinue(error: Error): boolean {
  return (error as NodeJS.ErrnoException).code === 'UND_ERR_SOCKET' && error.message === 'bad response'
}

/**
 * Checks whether a response announces a body that its status forbids (RFC 9110 sections 15.3.5 and 15.3.6). Node would
 * send neither the body nor a response that the client can read. A 304 may name the length of the body that it does not have.
 */
function hasForbiddenBody(status: number, raw_headers: readonly Buffer[]): boolean {
  if (status !== 204 && status !== 205) return false
  return raw_headers.some((name, position) => {
    if (position % 2 !== 0) return false
    const lower = name.toString('latin1').toLowerCase()
    return lower === 'transfer-encoding' || (lower === 'content-length' && Number(raw_headers[position + 1]) !== 0)
  })
}
