import type { WebSocket } from 'ws'
import { CLOSE_CODES } from '../../contract/close-codes.js'
import { Problem } from '../problems/problems.js'
import { closeFor } from '../sockets/close.js'
import { withJitter } from '../time/jitter.js'
import { Congestion, tooSlow } from './congestion.js'
import type { Ending, Transport } from './connection.js'
import type { Outgoing } from './frames.js'
import { PING_EVERY_MS, SILENT_MS_MAX, UNREAD_BYTES_MAX } from './limits.js'

/** JSON is text to whoever reads it. */
const AS_TEXT = { binary: false } as const

/** Listening by WebSocket. */
export class SocketTransport implements Transport {
  #heard_at_ms: number
  #asked_at_ms: number
  readonly #congestion = new Congestion()

  constructor(
    private readonly socket: WebSocket,
    /** Ends the connection that this is the transport of. */
    private readonly end_connection: (ending: Ending) => void,
    now_ms: number,
  ) {
    this.#heard_at_ms = now_ms
    this.#asked_at_ms = withJitter(now_ms, PING_EVERY_MS)
  }

  /** Something came from the peer, so it is there. */
  heard(now_ms: number): void {
    this.#heard_at_ms = now_ms
  }

  send(outgoing: Outgoing): void {
    if (this.socket.readyState !== this.socket.OPEN) return
    this.socket.send(outgoing.frame, AS_TEXT)
  }

  get is_congested(): boolean {
    return this.socket.bufferedAmount > UNREAD_BYTES_MAX
  }

  /** A ping goes behind all that is waiting. Its callback is called too when the socket closes before. */
  drained(): Promise<void> {
    if (this.socket.bufferedAmount === 0 || this.socket.readyState !== this.socket.OPEN) return Promise.resolve()
    return new Promise((resolve) => this.socket.ping('', false, () => resolve()))
  }

  end({ problem, code }: Ending): void {
    closeFor(this.socket, problem, code)
  }

  tick(now_ms: number): void {
    if (this.#congestion.isTooLong(this.socket.bufferedAmount, now_ms)) this.end_connection(tooSlow())
    else if (now_ms - this.#heard_at_ms >= SILENT_MS_MAX) {
      this.end_connection({ problem: new Problem('connection_silent'), code: CLOSE_CODES.timeout })
    } else if (now_ms - this.#asked_at_ms >= PING_EVERY_MS) {
      this.#asked_at_ms = now_ms
      this.socket.ping()
    }
  }
}
