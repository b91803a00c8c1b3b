import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { problemBody } from '../problems/problems.js'
import { CLOSE_MS_MAX, destroyAfter } from '../sockets/close.js'
import { Congestion, tooSlow } from './congestion.js'
import type { Ending, Transport } from './connection.js'
import { Outgoing } from './frames.js'
import { HEARTBEAT_EVERY_MS, UNREAD_BYTES_MAX } from './limits.js'

const HEARTBEAT = ': still here\n\n'
const HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' }

/** Sends frames as server-sent events (HTML, section 9.2). */
export class EventStream implements Transport {
  readonly #response: ServerResponse
  #written_at_ms: number
  readonly #congestion = new Congestion()

  constructor(
    private readonly reply: FastifyReply,
    private readonly public_url: string,
    now_ms: number,
  ) {
    this.#response = reply.raw
    this.#written_at_ms = now_ms
  }

  /** Sends the head of the response. */
  begin(): void {
    const headers = this.reply.headers(HEADERS).getHeaders() as Record<string, string | string[]>
    this.reply.hijack()
    this.#response.writeHead(200, headers)
    this.#response.flushHeaders()
  }

  send(outgoing: Outgoing): void {
    if (this.#response.writableEnded || this.#response.destroyed) return
    this.#response.write(outgoing.chunk)
  }

  get is_congested(): boolean {
    return this.#response.writableLength > UNREAD_BYTES_MAX
  }

  async drained(): Promise<void> {
    const response = this.#response
    if (!response.writableNeedDrain || response.destroyed) return
    const done = new AbortController()
    const events = ['drain', 'close'].map((event) => once(response, event, { signal: done.signal }))
    await Promise.race(events).finally(() => done.abort())
    for (const event of events) event.catch(() => undefined)
  }

  /**
   * Sends the problem and the time to wait. A browser reconnects by itself and then gets the refusal of its request. The
   * gateway destroys a connection whose client does not read this in time, because it no longer counts as open.
   */
  end({ problem }: Ending): void {
    const retry_after = problem.headers['retry-after']
    const retry = retry_after === undefined ? '' : `retry: ${Number(retry_after) * 1000}\n`
    const error = new Outgoing({ type: 'error', payload: problemBody(problem, this.public_url, this.reply.request.id) })
    this.#response.end(Buffer.concat([Buffer.from(retry), error.chunk]))
    destroyAfter(this.#response, CLOSE_MS_MAX)
  }

  tick(now_ms: number): Ending | undefined {
    // The event 'close' follows.
    if (this.#response.destroyed) return undefined
    if (this.#congestion.isTooLong(this.#response.writableLength, now_ms)) return tooSlow()
    if (now_ms - this.#written_at_ms >= HEARTBEAT_EVERY_MS) {
      this.#written_at_ms = now_ms
      this.#response.write(HEARTBEAT)
    }
    return undefined
  }
}
