import type { Credential, Place, Standing } from '../authz/standing.js'
import { Problem } from '../problems/problems.js'
import type { Outgoing } from './frames.js'
import { RECHECK_EVERY_MS, sometimeBefore } from './limits.js'

/** Why a connection ends: the problem that a request would get now, and where it is not clear from it, the close code. */
export interface Ending {
  readonly problem: Problem
  readonly code?: number
}

/** One way to listen. */
export interface Transport {
  send(outgoing: Outgoing): void
  /** Whether more waits to be read than may; then nothing else should be sent that can be read from the log later. */
  readonly is_congested: boolean
  /** Waits until everything that was sent is on its way, or the connection is gone. */
  drained(): Promise<void>
  end(ending: Ending): void
  /** Is called a few times a second: for pings, and for what has waited too long. */
  tick(now_ms: number): void
}

export interface ConnectionParts {
  readonly conversation_id: string
  readonly credential: Credential
  readonly place: Place
  readonly standing: Standing
  readonly transport: Transport
  /** Is called once, however it ends. */
  readonly onEnd: () => void
}

/** Somebody who listens to a conversation, for as long as they may. */
export class Connection {
  readonly tenant_id: string
  readonly conversation_id: string
  readonly credential: Credential
  readonly place: Place
  /** Whose connections are counted together. */
  readonly counted_by: string
  /** Connections with the same name stand on the same facts, so one question is enough for all of them. */
  readonly facts_name: string
  standing: Standing
  /** When it was last asked whether they may listen. */
  asked_at_ms: number
  /** Since when nobody could find out. */
  unanswered_since_ms: number | undefined
  #is_open = true
  readonly #transport: Transport
  readonly #onEnd: () => void

  constructor({ conversation_id, credential, place, standing, transport, onEnd }: ConnectionParts, now_ms: number) {
    this.tenant_id = credential.tenant_id
    this.conversation_id = conversation_id
    this.credential = credential
    this.place = place
    this.standing = standing
    this.asked_at_ms = sometimeBefore(now_ms, RECHECK_EVERY_MS)
    this.#transport = transport
    this.#onEnd = onEnd
    this.counted_by = countedBy(credential)
    this.facts_name = JSON.stringify([
      ...[credential.tenant_id, credential.key_id, Buffer.from(credential.key_digest).toString('hex')],
      ...[credential.session_id, credential.token_expires_at_ms, place.address, place.origin],
    ])
  }

  get is_open(): boolean {
    return this.#is_open
  }

  get user_id(): string | null {
    return this.credential.user_id
  }

  tick(now_ms: number): void {
    const { ends } = this.standing
    if (ends !== undefined && ends.at_ms <= now_ms) this.end({ problem: new Problem(ends.code) })
    else this.#transport.tick(now_ms)
  }

  /** Ends it, and tells the peer why. */
  end(ending: Ending): void {
    if (!this.#is_open) return
    this.#transport.end(ending)
    this.gone()
  }

  /** The peer is gone, or has been told. */
  gone(): void {
    if (!this.#is_open) return
    this.#is_open = false
    this.#onEnd()
  }
}

/** A user is counted wherever they are; a key, which stands for nobody, for itself. */
export function countedBy({ tenant_id, user_id, key_id }: Credential): string {
  return user_id === null ? `key ${tenant_id} ${key_id}` : `user ${user_id}`
}
