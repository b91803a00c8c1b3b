import type { CloseCode } from '../../contract/close-codes.js'
import type { AuthorisedConnection } from '../authz/access-rechecker.js'
import type { Standing } from '../authz/access-rules.js'
import type { ClientLocation, Credential } from '../authz/caller.js'
import type { Problem } from '../problems/problems.js'
import type { Outgoing } from './frames.js'

/** Why a connection ends: the problem that a request would get now, and the close code if it does not follow from it. */
export interface Ending {
  readonly problem: Problem
  readonly code?: CloseCode
}

/** A way to send frames to a client: WebSocket, server-sent events, long poll. */
export interface Transport {
  send(outgoing: Outgoing): void
  /** Whether too many bytes are unread. Then nothing should be sent that the log can provide later. */
  readonly is_congested: boolean
  /** Resolves when the client has read what was sent, or the connection has closed. */
  drained(): Promise<void>
  /** Tells the client why the connection ends, and closes it. */
  end(ending: Ending): void
  /** Called every 250 ms, for pings and timeouts. @returns why the connection must end, if it must */
  tick(now_ms: number): Ending | undefined
}

export interface ConnectionParts {
  readonly conversation_id: string
  readonly credential: Credential
  readonly location: ClientLocation
  /** The scopes that its route requires. */
  readonly scopes: readonly string[]
  readonly standing: Standing
  readonly transport: Transport
}

/** An open connection that follows a conversation. */
export class Connection implements AuthorisedConnection {
  readonly tenant_id: string
  readonly conversation_id: string
  readonly credential: Credential
  readonly location: ClientLocation
  readonly scopes: readonly string[]
  /** The user or the key that the connection counts for. */
  readonly caller_key: string
  standing: Standing
  #is_open = true
  readonly #transport: Transport
  readonly #end_listeners: (() => void)[] = []

  constructor({ conversation_id, credential, location, scopes, standing, transport }: ConnectionParts) {
    this.tenant_id = credential.tenant_id
    this.conversation_id = conversation_id
    this.credential = credential
    this.location = location
    this.scopes = scopes
    this.standing = standing
    this.#transport = transport
    this.caller_key = callerKeyOf(credential)
  }

  get is_open(): boolean {
    return this.#is_open
  }

  get user_id(): string | null {
    return this.credential.user_id
  }

  /** Calls the listener once when the connection ends; at once if it has ended already. */
  onEnd(listener: () => void): void {
    if (this.#is_open) this.#end_listeners.push(listener)
    else listener()
  }

  /** Ticks the transport. A connection whose access has expired waits for the rechecker, which names the reason. */
  tick(now_ms: number): void {
    const { ends } = this.standing
    if (ends !== undefined && ends.at_ms <= now_ms) return
    const ending = this.#transport.tick(now_ms)
    if (ending !== undefined) this.end(ending)
  }

  /** Ends the connection and tells the client why. */
  end(ending: Ending): void {
    if (!this.#is_open) return
    this.#transport.end(ending)
    this.gone()
  }

  /** Notes that the connection has closed. */
  gone(): void {
    if (!this.#is_open) return
    this.#is_open = false
    for (const listener of this.#end_listeners) listener()
  }
}

/** The connections of a user count together in all tenants. Those of a key without a user count for the key. */
export function callerKeyOf({ tenant_id, user_id, key_id }: Credential): string {
  return user_id === null ? `key ${tenant_id} ${key_id}` : `user ${user_id}`
}
