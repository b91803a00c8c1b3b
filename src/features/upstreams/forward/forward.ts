import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Observe } from '../../../kernel/request/observe.js'
import { problemOfFailure } from '../pool/failures.js'
import type { ForwardOutcome, UpstreamMetrics } from '../pool/metrics.js'
import type { Origin } from '../pool/origin.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import { answeredHeaders } from './pass-headers.js'
import type { RequestBody } from './request-body.js'

/** Sent again without harm (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])
const NOT_MODIFIED = 304
/** Interim answers (1xx) to one request; each begins the time for the answer anew. */
const INTERIM_MAX = 16
/** The caller was gone before there was an answer: no status of HTTP, but a common one in logs. */
const CLIENT_GONE = 499
/** How long a caller may leave what it was sent unread: a connection to the upstream waits for it all the while. */
const DRAIN_MS_MAX = 30_000

export interface ExchangeObservers {
  readonly metrics: UpstreamMetrics
  /** Notes an answer that never finishes, so that Fastify does not. */
  readonly observe: Observe
}

/** One request on its way to an upstream. */
export interface Errand {
  readonly upstream: RunningUpstream
  readonly path: string
  readonly headers: string[]
  readonly body: RequestBody | undefined
  readonly timeout_ms: number
}

/**
 * Carries one request to an upstream, and its answer back, as they come: nothing is collected, and each side is read as
 * fast as the other one takes it. No redirect is followed. Until the first byte of the answer a failure becomes a
 * problem, or another try; after it, the answer breaks off where the upstream did, and never ends as if it were whole.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  private readonly tried: Origin[] = []
  private readonly started_ms = performance.now()
  private origin: Origin | undefined
  private abort: ((error?: Error) => void) | undefined
  private waiting: NodeJS.Timeout | undefined
  private draining: NodeJS.Timeout | undefined
  private has_share = false
  private interim = 0
  private has_begun = false
  private is_over = false
  private resume: (() => void) | undefined

  constructor(
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly errand: Errand,
    private readonly observers: ExchangeObservers,
  ) {
    reply.raw.on('close', () => this.callerGone())
  }

  /** Sends it to an origin that may be asked. */
  start(): void {
    const { upstream, path, headers, body, timeout_ms } = this.errand
    // Whoever left before the listener was there is never heard of again.
    if (this.reply.raw.destroyed) this.callerGone()
    if (this.is_over || !this.takeShare()) return
    const origin = upstream.choose(this.tried)
    if (origin === undefined) {
      const retry_after = { 'retry-after': String(upstream.retrySeconds()) }
      this.refuse('unavailable', new Problem('upstream_unavailable', { headers: retry_after }))
      return
    }
    this.tried.push(origin)
    this.origin = origin
    this.abort = undefined
    origin.in_flight += 1
    origin.breaker.enter()
    const method = this.request.method as Dispatcher.HttpMethod
    origin.pool.dispatch(
      { path, method, headers, body: body ?? null, headersTimeout: timeout_ms, bodyTimeout: timeout_ms },
      this,
    )
    // Its own timeouts begin with the connection; until there is one, this does.
    if (this.abort === undefined && this.origin !== undefined) {
      this.waiting = setTimeout(() => this.waitedTooLong(), timeout_ms)
    }
  }

  onConnect(abort: (error?: Error) => void): void {
    clearTimeout(this.waiting)
    this.abort = abort
    if (this.is_over) abort()
  }

  onHeaders(status: number, raw_headers: Buffer[], resume: () => void): boolean {
    // Interim answers (1xx) are of this connection, and say nothing about the request.
    if (status < 200) {
      this.interim += 1
      if (this.interim > INTERIM_MAX) this.abort?.(new Error('interim answers without an end'))
      return true
    }
    const { upstream } = this.errand
    const { reply } = this
    this.origin?.breaker.succeed()
    if (reply.raw.destroyed || reply.raw.headersSent) {
      this.callerGone()
      return true
    }
    this.has_begun = true
    this.resume = resume
    const headers = answeredHeaders(reply.getHeaders(), raw_headers, upstream.response_headers)
    if (typeof headers.location === 'string') {
      const place = upstream.publicLocation(headers.location)
      if (place === undefined) delete headers.location
      else headers.location = place
    }
    this.note('answered', status)
    reply.hijack()
    reply.raw.writeHead(status, headers)
    if (status === NOT_MODIFIED) {
      // It is whole without a body. The client below would miss the bytes that its Content-Length tells of.
      this.is_over = true
      reply.raw.end()
    }
    return true
  }

  onData(chunk: Buffer): boolean {
    const { raw } = this.reply
    if (raw.destroyed) this.callerGone()
    if (this.is_over || raw.write(chunk)) return true
    this.draining = setTimeout(() => {
      raw.destroy()
      this.callerGone()
    }, DRAIN_MS_MAX)
    raw.once('drain', () => {
      clearTimeout(this.draining)
      this.resume?.()
    })
    return false
  }

  onComplete(): void {
    this.release()
    this.is_over = true
    this.reply.raw.end()
  }

  onError(error: Error): void {
    clearTimeout(this.waiting)
    const origin = this.release()
    if (this.is_over) {
      origin?.breaker.leave()
      return
    }
    const refused = this.errand.body?.errored
    if (refused instanceof Problem) {
      origin?.breaker.leave()
      this.refuse('refused', refused)
      return
    }
    // While a body is on its way, whoever sends it may be the one who lets wait.
    if (this.abort !== undefined && this.errand.body?.readableEnded === false) origin?.breaker.leave()
    else origin?.breaker.fail()
    const problem = problemOfFailure(error)
    if (this.has_begun) this.breakOff(problem)
    else if (this.isTriedAgain(problem)) this.start()
    else this.refuse(problem.code === 'upstream_timeout' ? 'timeout' : 'failed', problem)
  }

  /** Only what may be sent twice, only when nothing of it has to be read again, and only when nobody waited already. */
  private isTriedAgain({ code }: Problem): boolean {
    const { upstream, body } = this.errand
    return (
      code !== 'upstream_timeout' &&
      body === undefined &&
      IDEMPOTENT.has(this.request.method) &&
      this.tried.length <= upstream.declared.retries
    )
  }

  private waitedTooLong(): void {
    // Says nothing about the origin: those who came before may keep its connections busy.
    this.origin?.breaker.leave()
    this.refuse('timeout', problemOfFailure(new Error('no connection was free in time'), 'upstream_timeout'))
  }

  private callerGone(): void {
    clearTimeout(this.waiting)
    clearTimeout(this.draining)
    this.leaveShare()
    if (this.is_over) return
    this.is_over = true
    this.errand.body?.destroy()
    if (this.reply.raw.writableFinished) {
      // The deadline of the handler has answered in its place: whatever comes now is nobody's.
      this.abort?.()
      return
    }
    this.note('aborted', undefined)
    const status = this.has_begun ? this.reply.raw.statusCode : CLIENT_GONE
    this.observers.observe(this.request, status, this.reply.elapsedTime)
    this.abort?.()
  }

  private refuse(outcome: ForwardOutcome, problem: Problem): void {
    this.is_over = true
    // What nobody will read any more must not stand in the way of the next request on this connection.
    this.errand.body?.destroy()
    this.note(outcome, undefined)
    if (this.has_begun) this.breakOff(problem)
    else this.reply.send(problem)
  }

  /** The answer ends where it broke. In HTTP/1.0 only a reset tells a broken answer from a whole one. */
  private breakOff(problem: Problem): void {
    const { raw } = this.reply
    this.is_over = true
    this.note('broken', raw.statusCode)
    this.request.findings.problem_code = problem.code
    this.request.log.warn({ code: problem.code, reason: problem.message }, 'the answer of an upstream broke off')
    this.observers.observe(this.request, raw.statusCode, this.reply.elapsedTime)
    if (this.request.raw.httpVersionMinor === 0) raw.socket?.resetAndDestroy()
    else raw.destroy()
  }

  private note(outcome: ForwardOutcome, status: number | undefined): void {
    const name = this.errand.upstream.declared.name
    const duration_ms = performance.now() - this.started_ms
    this.request.findings.upstream = { name, outcome, status, tries: this.tried.length }
    this.observers.metrics.forwarded(name, outcome, duration_ms, this.tried.length)
  }

  /** One tenant may not use up the connections of an upstream that others need too. */
  private takeShare(): boolean {
    if (this.has_share) return true
    const { upstream } = this.errand
    this.has_share = upstream.shares.enter(this.request.tenant.id)
    if (this.has_share) return true
    const detail =
      'This tenant has as many requests under way to this service as it may; retry after the seconds in Retry-After.'
    this.refuse('unavailable', new Problem('upstream_unavailable', { detail, headers: { 'retry-after': '1' } }))
    return false
  }

  private leaveShare(): void {
    if (this.has_share) this.errand.upstream.shares.leave(this.request.tenant.id)
    this.has_share = false
  }

  private release(): Origin | undefined {
    const { origin } = this
    if (origin !== undefined) origin.in_flight -= 1
    this.origin = undefined
    return origin
  }
}
