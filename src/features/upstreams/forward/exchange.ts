import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Observe } from '../../../kernel/request/observe.js'
import type { ForwardOutcome, UpstreamMetrics } from '../metrics.js'
import type { Tries } from '../pool/tries.js'
import { Attempt, type AttemptListener } from './attempt.js'
import { problemOfFailure } from './failures.js'
import type { ForwardRequest } from './forward-request.js'
import { responseHeaders } from './response-headers.js'

/** Methods that the gateway can send twice without harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])
const NOT_MODIFIED = 304
const NO_BYTES = Buffer.alloc(0)
/** The client disconnected before the response began. Not a status of HTTP, but common in logs. */
const CLIENT_GONE = 499
/** How long a client may leave the response unread. Its connection to the upstream is blocked for that time. */
const DRAIN_MS_MAX = 30_000

export interface ExchangeObservers {
  readonly metrics: UpstreamMetrics
  /** Logs a response that never finishes: Fastify logs only those that do. */
  readonly observe: Observe
}

/** Where an exchange is. Each state has only what exists in it. */
type State =
  /** No backend has the request. */
  | { readonly kind: 'choosing' }
  /** An attempt is running. The client has received nothing. */
  | { readonly kind: 'sent'; readonly attempt: Attempt }
  /** The client has received the head of the response. */
  | {
      readonly kind: 'answering'
      readonly attempt: Attempt
      readonly resume: () => void
      drain_timer: NodeJS.Timeout | undefined
    }
  /** The client has its response, or has disconnected. */
  | { readonly kind: 'over' }

/**
 * Sends the head of a response at once, because a page waits for it: `fetch` and `EventSource` open with the head, and the
 * first byte of the body can come much later. Node would keep the head until then. What arrived together with the head
 * leaves in the same packet.
 */
function sendHead(raw: ServerResponse, status: number, headers: OutgoingHttpHeaders): void {
  const { socket } = raw
  socket?.cork()
  raw.writeHead(status, headers)
  // Not flushHeaders(): it encodes the head as UTF-8, and the bytes of the upstream must not change.
  raw.write(NO_BYTES)
  process.nextTick(() => socket?.uncork())
}

const CHOOSING: State = { kind: 'choosing' }
const OVER: State = { kind: 'over' }

const NEXT: Readonly<Record<State['kind'], readonly State['kind'][]>> = {
  choosing: ['sent', 'over'],
  sent: ['choosing', 'answering', 'over'],
  answering: ['over'],
  over: [],
}

/**
 * Forwards one request to an upstream and streams the response back. It buffers nothing: it reads each side only as fast
 * as the other side takes the data. It follows no redirect.
 *
 * Before the first byte of the response, a failure becomes another attempt or a problem. After it, the response breaks
 * off where the upstream broke off, so that a client never takes a part for the whole.
 */
export class ProxyExchange implements AttemptListener {
  private readonly tries: Tries
  private readonly started_ms = performance.now()
  private has_share = false
  private state: State = CHOOSING

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly forward: ForwardRequest,
    private readonly observers: ExchangeObservers,
  ) {
    this.tries = forward.upstream.tries(forward.timeout_ms)
    reply.raw.on('close', () => this.onClose())
  }

  get tenant_id(): string {
    return this.request.tenant.id
  }

  /** Sends the request to a backend that can take it. */
  start(): void {
    if (this.hasClientLeft()) return
    if (this.takeShare()) this.sendToNext()
    else {
      const detail =
        'This tenant has the maximum number of requests in flight to this service. Retry after the seconds in Retry-After.'
      this.refuse('unavailable', new Problem('upstream_unavailable', { detail, headers: { 'retry-after': '1' } }))
    }
  }

  onHead(status: number, raw_headers: Buffer[], resume: () => void): void {
    const { reply, state } = this
    if (state.kind !== 'sent' || reply.raw.destroyed || reply.raw.headersSent) {
      this.onClose()
      return
    }
    this.become({ kind: 'answering', attempt: state.attempt, resume, drain_timer: undefined })
    const headers = responseHeaders(reply.getHeaders(), raw_headers, this.forward.upstream)
    this.note('answered', status)
    reply.hijack()
    sendHead(reply.raw, status, headers)
    // Complete without a body. undici would report the bytes that Content-Length announces as missing.
    if (status === NOT_MODIFIED) this.finish()
  }

  onData(chunk: Buffer): boolean {
    if (this.hasClientLeft()) return true
    const { state } = this
    const { raw } = this.reply
    if (state.kind !== 'answering' || raw.write(chunk)) return true
    state.drain_timer = setTimeout(() => {
      raw.destroy()
      this.onClose()
    }, DRAIN_MS_MAX)
    raw.once('drain', () => {
      clearTimeout(state.drain_timer)
      state.resume()
    })
    return false
  }

  onComplete(): void {
    if (this.state.kind === 'answering') this.finish()
  }

  isFailureOfBackend(was_connected: boolean): boolean {
    const { body } = this.forward
    if (this.state.kind === 'over' || body?.errored instanceof Problem) return false
    // While the gateway still waits for the body of the client, a timeout may be the fault of the client.
    return !was_connected || body?.readableEnded !== false
  }

  onFailure(error: Error, was_connected: boolean): void {
    if (this.state.kind === 'over') return
    const refusal = this.forward.body?.errored
    const problem = problemOfFailure(error)
    if (refusal instanceof Problem) this.refuse('refused', refusal)
    else if (this.state.kind === 'answering') this.breakOff(problem)
    else if (this.canRetry(problem, was_connected)) {
      this.become(CHOOSING)
      this.sendToNext()
    } else this.refuse(problem.code === 'upstream_timeout' ? 'timeout' : 'failed', problem)
  }

  onConnectTimeout(): void {
    this.refuse('timeout', problemOfFailure(new Error('no connection was free in time'), 'upstream_timeout'))
  }

  /** The only place that changes the state. @throws Error for a transition that `NEXT` does not list */
  private become(next: State): void {
    const { kind } = this.state
    if (!NEXT[kind].includes(next.kind)) throw new Error(`an exchange cannot go from ${kind} to ${next.kind}`)
    if (this.state.kind === 'answering') clearTimeout(this.state.drain_timer)
    this.state = next
  }

  private sendToNext(): void {
    if (this.hasClientLeft()) return
    const { upstream } = this.forward
    const backend = this.tries.next()
    if (backend === undefined) {
      const retry_after = { 'retry-after': String(upstream.retrySeconds()) }
      this.refuse('unavailable', new Problem('upstream_unavailable', { headers: retry_after }))
      return
    }
    const attempt = new Attempt(backend, this)
    this.become({ kind: 'sent', attempt })
    attempt.send(this.forward)
  }

  /**
   * A request with a body can go to another backend only if no backend has received a part of the body. After a timeout of
   * a backend that has the request, the client has waited long enough.
   */
  private canRetry({ code }: Problem, was_connected: boolean): boolean {
    const { method, body } = this.forward
    if (body !== undefined && (body.destroyed || body.readableDidRead)) return false
    const is_repeatable = body === undefined && IDEMPOTENT.has(method) && code !== 'upstream_timeout'
    return this.tries.canFollow({ was_connected, is_repeatable })
  }

  /** The response is complete for the client. The attempt may still have to end. */
  private finish(): void {
    this.become(OVER)
    this.reply.raw.end()
  }

  /** Answers with a problem, or breaks the response off if it has begun. */
  private refuse(outcome: ForwardOutcome, problem: Problem): void {
    // The rest of the body must not block the next request on this connection.
    this.forward.body?.destroy()
    this.note(outcome, undefined)
    if (this.state.kind === 'answering') this.breakOff(problem)
    else {
      this.become(OVER)
      this.reply.send(problem)
    }
  }

  /** Ends a response that has begun, so that it does not look complete. In HTTP/1.0 only a reset shows that. */
  private breakOff(problem: Problem): void {
    const { raw } = this.reply
    this.become(OVER)
    this.note('broken', raw.statusCode)
    this.request.findings.problem_code = problem.code
    this.request.log.warn({ code: problem.code, reason: problem.message }, 'response of an upstream broke off')
    this.observers.observe(this.request, raw.statusCode, this.reply.elapsedTime)
    if (this.request.raw.httpVersionMinor === 0) raw.socket?.resetAndDestroy()
    else raw.destroy()
  }

  private hasClientLeft(): boolean {
    if (!this.reply.raw.destroyed) return false
    this.onClose()
    return true
  }

  /** The response to the client has closed: complete, or because the client disconnected. */
  private onClose(): void {
    this.leaveShare()
    const { state } = this
    if (state.kind === 'over') return
    this.become(OVER)
    this.forward.body?.destroy()
    // The deadline of the handler has answered instead if the response is finished. That request is logged already.
    if (!this.reply.raw.writableFinished) {
      this.note('aborted', undefined)
      const status = state.kind === 'answering' ? this.reply.raw.statusCode : CLIENT_GONE
      this.observers.observe(this.request, status, this.reply.elapsedTime)
    }
    if (state.kind !== 'choosing') state.attempt.cancel()
  }

  private note(outcome: ForwardOutcome, status: number | undefined): void {
    const { name } = this.forward.upstream.declared
    const duration_ms = performance.now() - this.started_ms
    this.request.findings.upstream = { name, outcome, status, tries: this.tries.count }
    this.observers.metrics.forwarded(name, outcome, duration_ms, this.tries.count)
  }

  /** Whether the tenant may use another connection of the upstream: other tenants need some too. */
  private takeShare(): boolean {
    const { shares, share_max } = this.forward.upstream
    this.has_share = shares.enter(this.request.tenant.id, share_max)
    return this.has_share
  }

  private leaveShare(): void {
    if (this.has_share) this.forward.upstream.shares.leave(this.request.tenant.id)
    this.has_share = false
  }
}
