import type { WebSocket } from 'ws'
import { CLOSE_CODES } from '../../contract/close-codes.js'
import { Problem } from '../problems/problems.js'
import { closeFor } from '../sockets/close.js'
import { withJitter } from '../time/jitter.js'
import { Congestion, tooSlow } from './congestion.js'
import type { Ending, Transport } from './connection.js'
import type { Outgoing } from './frames.js'
import { PING_EVERY_MS, SILENT_MS_MAX, UNREAD_BYTES_MAX } from './limits.js'

/** Sends the buffer as a text frame. */
const AS_TEXT = { binary: false } as const

/** Sends frames over a WebSocket. */
export class SocketTransport implements Transport {
  #received_at_ms: number
  #pinged_at_ms: number
  readonly #congestion = new Congestion()

  constructor(
    private readonly socket: WebSocket,
    now_ms: number,
  ) {
    this.#received_at_ms = now_ms
    this.#pinged_at_ms = withJitter(now_ms, PING_EVERY_MS)
  }

  /** Notes that the client sent something, so the connection is not dead. */
  onReceived(now_ms: number): void {
    this.#received_at_ms = now_ms
  }

  send(outgoing: Outgoing): void {
    if (this.socket.readyState !== this.socket.OPEN) return
    this.socket.send(outgoing.frame, AS_TEXT)
  }

  get is_congested(): boolean {
    return this.socket.bufferedAmount > UNREAD_BYTES_MAX
  }

  /** A ping is sent after all waiting frames. Its callback also runs if the socket closes first. */
  drained(): Promise<void> {
    if (this.socket.bufferedAmount === 0 || this.socket.readyState !== this.socket.OPEN) return Promise.resolve()
    return new Promise((resolve) => this.socket.ping('', false, () => resolve()))
  }

  end({ problem, code }: Ending): void {
    closeFor(this.socket, problem, code)
  }

  tick(now_ms: number): Ending | undefined {
    if (this.#congestion.isTooLong(this.socket.bufferedAmount, now_ms)) return tooSlow()
    if (now_ms - this.#received_at_ms >= SILENT_MS_MAX) {
      return { problem: new Problem('connection_silent'), code: CLOSE_CODES.timeout }
    }
    if (now_ms - this.#pinged_at_ms >= PING_EVERY_MS) {
      this.#pinged_at_ms = now_ms
      this.socket.ping()
    }
    return undefined
  }
}
