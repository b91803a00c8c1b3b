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

/** Listening by server-sent events (HTML, section 9.2). */
export class EventStream implements Transport {
  readonly #response: ServerResponse
  #written_at_ms: number
  readonly #congestion = new Congestion()

  constructor(
    private readonly reply: FastifyReply,
    private readonly end_connection: (ending: Ending) => void,
    private readonly public_url: string,
    now_ms: number,
  ) {
    this.#response = reply.raw
    this.#written_at_ms = now_ms
  }

  /** Answers, and keeps the answer open. */
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
   * Tells why, and when to come back. A browser comes back by itself, and then reads the refusal of its request. Who does
   * not read it in time is cut off: it is counted no longer, so it may hold nothing any longer.
   */
  end({ problem }: Ending): void {
    const retry_after = problem.headers['retry-after']
    const retry = retry_after === undefined ? '' : `retry: ${Number(retry_after) * 1000}\n`
    const error = new Outgoing({ type: 'error', payload: problemBody(problem, this.public_url, this.reply.request.id) })
    this.#response.end(Buffer.concat([Buffer.from(retry), error.chunk]))
    destroyAfter(this.#response, CLOSE_MS_MAX)
  }

  tick(now_ms: number): void {
    // Its end is on the way to us; nothing written from here on would be read.
    if (this.#response.destroyed) return
    if (this.#congestion.isTooLong(this.#response.writableLength, now_ms)) {
      this.end_connection(tooSlow())
      return
    }
    if (now_ms - this.#written_at_ms < HEARTBEAT_EVERY_MS) return
    this.#written_at_ms = now_ms
    this.#response.write(HEARTBEAT)
  }
}
