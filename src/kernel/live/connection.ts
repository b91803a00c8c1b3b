import type { CloseCode } from '../../contract/close-codes.js'
import type { AuthorisedConnection } from '../authz/access-rechecker.js'
import type { Standing } from '../authz/access-rules.js'
import type { ClientLocation, Credential } from '../authz/caller.js'
import type { Problem } from '../problems/problems.js'
import type { Outgoing } from './frames.js'

/** Why a connection ends: the problem that a request would get now, and where it is not clear from it, the close code. */
export interface Ending {
  readonly problem: Problem
  readonly code?: CloseCode
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
  readonly location: ClientLocation
  /** The scopes that its route requires. */
  readonly scopes: readonly string[]
  readonly standing: Standing
  readonly transport: Transport
  /** Is called once, however it ends. */
  readonly onEnd: () => void
}

/** Somebody who listens to a conversation, for as long as they may. */
export class Connection implements AuthorisedConnection {
  readonly tenant_id: string
  readonly conversation_id: string
  readonly credential: Credential
  readonly location: ClientLocation
  readonly scopes: readonly string[]
  /** Whose connections are counted together. */
  readonly caller_key: string
  standing: Standing
  #is_open = true
  readonly #transport: Transport
  readonly #onEnd: () => void

  constructor({ conversation_id, credential, location, scopes, standing, transport, onEnd }: ConnectionParts) {
    this.tenant_id = credential.tenant_id
    this.conversation_id = conversation_id
    this.credential = credential
    this.location = location
    this.scopes = scopes
    this.standing = standing
    this.#transport = transport
    this.#onEnd = onEnd
    this.caller_key = callerKeyOf(credential)
  }

  get is_open(): boolean {
    return this.#is_open
  }

  get user_id(): string | null {
    return this.credential.user_id
  }

  /** Ticks the transport. A connection whose access has expired waits for the rechecker, which names the reason. */
  tick(now_ms: number): void {
    const { ends } = this.standing
    if (ends === undefined || ends.at_ms > now_ms) this.#transport.tick(now_ms)
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
export function callerKeyOf({ tenant_id, user_id, key_id }: Credential): string {
  return user_id === null ? `key ${tenant_id} ${key_id}` : `user ${user_id}`
}
