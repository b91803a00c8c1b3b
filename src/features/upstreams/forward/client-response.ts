import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'

/** How long a client may leave the response unread. Its connection to the upstream is blocked for that time. */
const DRAIN_MS_MAX = 30_000
/** The first probe of TCP on a silent connection, which finds a client whose network is gone. */
const PROBE_AFTER_MS = 30_000
const NO_BYTES = Buffer.alloc(0)

/** The response of an upstream on its way to the client. The other side is read only as fast as the client reads. */
export class ClientResponse {
  private drain_timer: NodeJS.Timeout | undefined
  /** Runs only for a response that stays open, when the client has closed its sending side. */
  private silence_timer: NodeJS.Timeout | undefined

  /** @param onGone called when the client is disconnected because it does not read, or may have left */
  constructor(
    private readonly reply: FastifyReply,
    private readonly onGone: () => void,
  ) {}

  private get raw(): ServerResponse {
    return this.reply.raw
  }

  get status(): number {
    return this.raw.statusCode
  }

  /** Whether the client has left, or another response has begun. */
  get isTaken(): boolean {
    return this.raw.destroyed || this.raw.headersSent
  }

  get isDestroyed(): boolean {
    return this.raw.destroyed
  }

  get isFinished(): boolean {
    return this.raw.writableFinished
  }

  /**
   * Sends the head of a response at once, because a page waits for it: `fetch` and `EventSource` open with the head, and the
   * first byte of the body can come much later. Node would keep the head until then. What arrived together with the head
   * leaves in the same packet.
   */
  begin(status: number, headers: OutgoingHttpHeaders): void {
    const { raw } = this
    const { socket } = raw
    this.reply.hijack()
    socket?.cork()
    raw.writeHead(status, headers)
    // Not flushHeaders(): it encodes the head as UTF-8, and the bytes of the upstream must not change.
    raw.write(NO_BYTES)
    process.nextTick(() => socket?.uncork())
  }

  /**
   * Lets a response that has begun be silent for longer than other connections of clients. A client that closes its sending
   * side may have left: only a write can tell. So from then on, the response may be silent for `half_closed_ms_max`.
   */
  stayOpen(half_closed_ms_max: number): void {
    const { raw } = this
    const { socket } = raw
    if (socket === null) return
    socket.setTimeout(0)
    socket.setKeepAlive(true, PROBE_AFTER_MS)
    const onHalfClosed = () => {
      this.silence_timer = setTimeout(() => this.leave(), half_closed_ms_max)
    }
    if (socket.readableEnded) onHalfClosed()
    else socket.once('end', onHalfClosed)
    raw.once('close', () => {
      clearTimeout(this.silence_timer)
      socket.off('end', onHalfClosed)
    })
  }

  /** Writes a chunk. @returns whether more can be written now; otherwise `resume` is called later */
  write(chunk: Buffer, resume: () => void): boolean {
    const { raw } = this
    this.silence_timer?.refresh()
    if (raw.write(chunk)) return true
    this.drain_timer = setTimeout(() => this.leave(), DRAIN_MS_MAX)
    raw.once('drain', () => {
      clearTimeout(this.drain_timer)
      resume()
    })
    return false
  }

  /** Stops all timers: the upstream sends no more. */
  settle(): void {
    clearTimeout(this.drain_timer)
    clearTimeout(this.silence_timer)
  }

  end(): void {
    this.raw.end()
  }

  /** Ends a response that has begun, so that it does not look complete. In HTTP/1.0 only a reset shows that. */
  breakOff(): void {
    if (this.reply.request.raw.httpVersionMinor === 0) this.raw.socket?.resetAndDestroy()
    else this.raw.destroy()
  }

  private leave(): void {
    this.raw.destroy()
    this.onGone()
  }
}
