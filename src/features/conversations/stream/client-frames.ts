import type { RawData, WebSocket } from 'ws'
import { CLOSE_CODES } from '../../../contract/close-codes.js'
import type { ClientFrame } from '../../../contract/stream-frames.js'
import type { Standing } from '../../../kernel/authz/access-rules.js'
import { insufficientScope } from '../../../kernel/authz/insufficient-scope.js'
import { type Limiter, rateLimited } from '../../../kernel/limits/limiter.js'
import type { Connection } from '../../../kernel/live/connection.js'
import { Outgoing } from '../../../kernel/live/frames.js'
import { evaluate } from '../../../kernel/permissions/evaluate.js'
import { BUILT_IN_SCOPES } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem, problemBody } from '../../../kernel/problems/problems.js'
import type { Bus } from '../../../kernel/store/bus.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { userOf } from '../caller.js'
import { readClientFrame } from './read-client-frame.js'

/** Frames of one client. A client only pings and types, so it needs far fewer. */
const FRAMES_PER_SECOND_MAX = 20
/** Refused frames within the window. At this number the gateway closes the connection. */
const VIOLATIONS_MAX = 10
const VIOLATIONS_WINDOW_MS = 60_000

export interface FrameParts {
  readonly bus: Bus
  readonly limiter: Limiter
  readonly clock: Clock
  /** @throws Problem if the caller may not have the connection any more */
  readonly standingNow: (connection: Connection) => Promise<Standing>
  readonly public_url: string
}

const PONG = new Outgoing({ type: 'pong', payload: {} })

/**
 * Handles the frames of a client. A refused frame gets an `error` frame, and the socket stays open. A client that sends too
 * many refused frames is disconnected. A frame does not name its sender: the handshake has authenticated the client.
 */
export class ClientFrames {
  #frames = { second: 0, count: 0 }
  #violations: number[] = []

  constructor(
    private readonly parts: FrameParts,
    private readonly socket: WebSocket,
    private readonly connection: Connection,
    private readonly request_id: string,
  ) {}

  /** Handles a frame. It does not throw and does not reject. */
  async onFrame(data: RawData, is_binary: boolean): Promise<void> {
    if (!this.connection.is_open) return
    if (is_binary) {
      this.connection.end({ problem: new Problem('malformed_request'), code: CLOSE_CODES.policy_violation })
      return
    }
    try {
      this.countFrame()
      await this.act(readClientFrame(String(data)))
    } catch (error) {
      this.refuse(error instanceof Problem ? error : new Problem('internal_error', { cause: error }))
    }
  }

  /** Counts pings and pongs of the protocol, so that a client cannot flood with them. */
  countControl(): void {
    // A packet may hold a thousand more frames after the one that ended the connection.
    if (!this.connection.is_open) return
    try {
      this.countFrame()
    } catch (error) {
      this.refuse(error as Problem)
    }
  }

  private async act(frame: ClientFrame): Promise<void> {
    if (frame.type === 'ping') this.socket.send(PONG.frame, { binary: false })
    else await this.type(frame.is_typing)
  }

  /**
   * The standing at this moment. The check after a change can still be under way.
   * @throws Problem; it ends the connection, unless the rights cannot be read now, which the rechecker gives a lease
   */
  private async standingNow(): Promise<Standing> {
    try {
      return await this.parts.standingNow(this.connection)
    } catch (error) {
      if (error instanceof Problem && error.code !== 'service_unavailable') this.connection.end({ problem: error })
      throw error
    }
  }

  /** Publishes an event to every listener, including this client. @throws Problem */
  private async type(is_typing: boolean): Promise<void> {
    const { tenant_id, conversation_id } = this.connection
    const standing = await this.standingNow()
    const decision = evaluate(['conversations:reply'], standing.holdings, BUILT_IN_SCOPES)
    if (!decision.allowed) throw insufficientScope(decision, [])
    const user_id = userOf(standing.principal)
    const { is_exceeded, reset_seconds } = await this.parts.limiter.count('typing', user_id)
    if (is_exceeded) throw rateLimited('typing', reset_seconds)
    this.parts.bus.publish({ kind: 'chat_typing', tenant_id, conversation_id, user_id, is_typing })
  }

  /** @throws Problem `rate_limited` */
  private countFrame(): void {
    const second = Math.floor(this.parts.clock() / 1000)
    if (this.#frames.second !== second) this.#frames = { second, count: 0 }
    this.#frames.count += 1
    if (this.#frames.count > FRAMES_PER_SECOND_MAX) {
      const detail = `A client may send ${FRAMES_PER_SECOND_MAX} frames per second.`
      throw new Problem('rate_limited', { detail, members: { violated_policies: ['frames'] } })
    }
  }

  private refuse(problem: Problem): void {
    if (!this.connection.is_open) return
    const now = this.parts.clock()
    this.#violations = [...this.#violations.filter((at) => now - at < VIOLATIONS_WINDOW_MS), now]
    const error = new Outgoing({ type: 'error', payload: problemBody(problem, this.parts.public_url, this.request_id) })
    this.socket.send(error.frame, { binary: false })
    if (this.#violations.length >= VIOLATIONS_MAX) {
      const flood = new Problem('rate_limited', { headers: { 'retry-after': '60' } })
      this.connection.end({ problem: flood, code: CLOSE_CODES.too_many_requests })
    }
  }
}
