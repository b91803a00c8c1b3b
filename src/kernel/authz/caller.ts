import type { ScopeCatalogue } from '../permissions/scope-catalogue.js'
import type { Demand } from './demand.js'
import type { Claims } from './facts.js'

/** What a caller of the data plane has proved: ids and digests, no secret, so that it can be kept and checked again. */
export interface Credential extends Claims {
  readonly tenant_id: string
  readonly key_id: string
  /** SHA-256 of the secret of the key. */
  readonly key_digest: Uint8Array
  /** When the access token expires; null for a key alone. Milliseconds since 1970. */
  readonly token_expires_at_ms: number | null
}

/** Where a request comes from: the IP address of the client, and the origin of the page if a browser sent one. */
export interface ClientLocation {
  readonly address: string
  readonly origin: string | undefined
}

/**
 * Marks what cannot be known about a caller who sends no request: a member or a key that `access/explain` asks about.
 *
 * A field is never left out instead. The type of each field makes a rule decide what this value means for it, and makes
 * the code that describes a real request supply every field.
 */
export const UNKNOWN = Symbol('unknown')

/** A value, or the mark that it cannot be known. */
export type Maybe<Value> = Value | typeof UNKNOWN

/** What rules read besides the facts: what a request says about itself, and what its route requires. */
export interface Caller {
  readonly demand: Demand
  /** The scopes that exist: those of the manifest that is in force for the request. */
  readonly scope_catalogue: ScopeCatalogue
  /** The IP address of the client. */
  readonly address: Maybe<string>
  /** The origin of the page; undefined for a client that is not a browser. */
  readonly origin: Maybe<string | undefined>
  /** SHA-256 of the secret of the tenant key; null for a caller who sends no key. */
  readonly key_digest: Maybe<Uint8Array | null>
  /** When the access token expires, in milliseconds since 1970; null for a caller who sends no token. */
  readonly token_expires_at_ms: Maybe<number | null>
}

/** The caller of an open connection, as its handshake described them. */
export function callerOf(
  credential: Credential,
  { address, origin }: ClientLocation,
  demand: Demand,
  scope_catalogue: ScopeCatalogue,
): Caller {
  const { key_digest, token_expires_at_ms } = credential
  return { demand, scope_catalogue, address, origin, key_digest, token_expires_at_ms }
}
