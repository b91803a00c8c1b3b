import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../../../kernel/problems/problems.js'
import type { YoungExchanges } from '../access/young-exchanges.js'
import type { ForwardOutcome } from '../metrics.js'
import type { Tries } from '../pool/tries.js'
import { Attempt, type AttemptListener } from './attempt.js'
import { ClientResponse } from './client-response.js'
import { ExchangeRecord, type RecordParts } from './exchange-record.js'
import { CHOOSING, type ExchangeState, nextState, OVER } from './exchange-state.js'
import { noBackend, problemOfFailure, shareUsedUp } from './failures.js'
import { type ForwardRequest, isComplete, isIdempotent } from './forward-request.js'
import { responseHeaders } from './response-headers.js'

const NOT_MODIFIED = 304

export interface ExchangeObservers extends RecordParts {
  /** The exchanges that have just begun. */
  readonly young: YoungExchanges<ProxyExchange>
  /** From now on, the exchange ends when its caller loses access; a response that stays open also with its manifest. */
  readonly watch: (exchange: ProxyExchange, is_stream: boolean) => void
}

/**
 * Forwards one request to an upstream and streams the response back. It buffers nothing: it reads each side only as fast
 * as the other side takes the data. It follows no redirect.
 *
 * Before the first byte of the response, a failure becomes another attempt or a problem. After it, the response breaks
 * off where the upstream broke off, so that a client never takes a part for the whole.
 */
export class ProxyExchange implements AttemptListener {
  /** Resolves when the response has closed: complete, or because the client disconnected. */
  readonly ended: Promise<void>
  readonly started_ms = performance.now()
  readonly tenant_id: string
  private readonly tries: Tries
  private readonly response: ClientResponse
  private readonly record: ExchangeRecord
  private state: ExchangeState = CHOOSING
  /** The exchange is young no longer. */
  private grow: () => void = () => undefined

  constructor(
    request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly forward: ForwardRequest,
    private readonly observers: ExchangeObservers,
  ) {
    const { upstream, timeout_ms } = forward
    this.tenant_id = request.tenant.id
    this.tries = upstream.tries(timeout_ms)
    this.response = new ClientResponse(reply, () => this.onClose())
    this.record = new ExchangeRecord(upstream.declared.name, request, reply, observers)
    this.ended = new Promise((resolve) => {
      reply.raw.once('close', () => {
        this.grow()
        this.onClose()
        resolve()
      })
    })
  }

  /** Sends the request to a backend that can take it. */
  start(): void {
    if (this.hasClientLeft()) return
    this.grow = this.observers.young.add(this)
    if (this.isWithinShare()) this.sendToNext()
    else this.refuse('unavailable', shareUsedUp())
  }

  /** The exchange takes long. */
  watch(): void {
    if (this.state.kind !== 'over') this.observers.watch(this, false)
  }

  /**
   * Ends the exchange, because its caller has lost access. A response that has begun breaks off. Before that, the caller gets
   * the problem, whether or not the service has the whole request: nothing that it answers may reach the caller.
   */
  loseAccess(problem: Problem): void {
    const { state } = this
    if (state.kind === 'answering') this.close(0, problem.code)
    else if (state.kind !== 'over') {
      if (state.kind === 'sent') state.attempt.cancel()
      this.refuse('refused', problem)
    }
  }

  /** Ends a response that has begun. */
  close(_code: number, reason: string): void {
    const { state } = this
    if (state.kind !== 'answering') return
    this.become(OVER)
    this.record.closed(reason, this.response.status)
    this.response.breakOff()
    state.attempt.cancel()
  }

  onHead(status: number, raw_headers: Buffer[], resume: () => void): void {
    const { state, forward } = this
    if (state.kind !== 'sent' || this.response.isTaken) {
      this.onClose()
      return
    }
    this.become({ kind: 'answering', attempt: state.attempt, resume })
    const headers = responseHeaders(this.reply.getHeaders(), raw_headers, forward.upstream, forward.path)
    this.record.note('answered', status, this.tries.count)
    this.response.begin(status, headers)
    // Complete without a body. undici would report the bytes that Content-Length announces as missing.
    if (status === NOT_MODIFIED) this.finish()
    else if (forward.idle_ms_max !== undefined) {
      this.response.stayOpen(forward.timeout_ms)
      this.grow()
      this.observers.watch(this, true)
    }
  }

  onData(chunk: Buffer): boolean {
    if (this.hasClientLeft()) return true
    const { state } = this
    return state.kind !== 'answering' || this.response.write(chunk, state.resume)
  }

  onComplete(): void {
    if (this.state.kind === 'answering') this.finish()
  }

  isFailureOfBackend(was_connected: boolean): boolean {
    const { body, idle_ms_max } = this.forward
    const { kind } = this.state
    if (kind === 'over' || body?.errored instanceof Problem) return false
    // A stream that is silent for too long, or ends, says nothing about other requests.
    if (kind === 'answering' && idle_ms_max !== undefined) return false
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

  /** The only place that changes the state. @throws Error for a transition that does not exist */
  private become(next: ExchangeState): void {
    if (this.state.kind === 'answering') this.response.settle()
    this.state = nextState(this.state, next)
  }

  /** Takes one of the connections that the tenant may use at the same time. A stream has none of them. */
  private isWithinShare(): boolean {
    const { idle_ms_max, upstream } = this.forward
    return idle_ms_max !== undefined || upstream.takeShare(this.tenant_id, this.reply.raw)
  }

  private sendToNext(): void {
    if (this.hasClientLeft()) return
    const backend = this.tries.next()
    if (backend === undefined) {
      this.refuse('unavailable', noBackend(this.forward.upstream.retrySeconds()))
      return
    }
    const attempt = new Attempt(backend, this)
    this.become({ kind: 'sent', attempt })
    attempt.send(this.forward)
  }

  /** After a timeout of a backend that has the request, the client has waited long enough. */
  private canRetry({ code }: Problem, was_connected: boolean): boolean {
    if (!isComplete(this.forward)) return false
    const is_repeatable = isIdempotent(this.forward) && code !== 'upstream_timeout'
    return this.tries.canFollow({ was_connected, is_repeatable })
  }

  /** The response is complete for the client. The attempt may still have to end. */
  private finish(): void {
    this.become(OVER)
    this.response.end()
  }

  /** Answers with a problem, or breaks the response off if it has begun. */
  private refuse(outcome: ForwardOutcome, problem: Problem): void {
    // The rest of the body must not block the next request on this connection.
    this.forward.body?.destroy()
    this.record.note(outcome, undefined, this.tries.count)
    if (this.state.kind === 'answering') this.breakOff(problem)
    else {
      this.become(OVER)
      this.reply.send(problem)
    }
  }

  private breakOff(problem: Problem): void {
    this.become(OVER)
    this.record.brokenOff(problem, this.response.status, this.tries.count)
    this.response.breakOff()
  }

  private hasClientLeft(): boolean {
    if (!this.response.isDestroyed) return false
    this.onClose()
    return true
  }

  /** The response to the client has closed: complete, or because the client disconnected. */
  private onClose(): void {
    const { state } = this
    if (state.kind === 'over') return
    this.become(OVER)
    this.forward.body?.destroy()
    // The deadline of the handler has answered instead if the response is finished. That request is logged already.
    if (!this.response.isFinished) {
      this.record.clientLeft(state.kind === 'answering' ? this.response.status : undefined, this.tries.count)
    }
    if (state.kind !== 'choosing') state.attempt.cancel()
  }
}
