import type { Size } from '../../../kernel/limits/limiter.js'

/**
 * The manifest as the rest of the gateway sees it: complete, checked, and never changed. Everything that was left out
 * has its default.
 */
export interface Manifest {
  readonly upstreams: readonly Upstream[]
  /** Scopes that the catalogue gains, with their meaning. */
  readonly scopes: ReadonlyMap<string, string>
}

export interface Upstream {
  /** Also the audience of the identity token. */
  readonly name: string
  /** Where callers find it, such as `/training`. */
  readonly prefix: string
  /** Scheme, host and port; at least one. */
  readonly origins: readonly string[]
  /** Replaces the prefix in the path for the upstream; can be empty. */
  readonly rewrite: string
  /** Every scope that it declares or requires. The gateway tells it which of these a caller holds, and no others. */
  readonly scopes: readonly string[]
  readonly routes: readonly DeclaredRoute[]
  readonly sockets: readonly DeclaredSocket[]
  readonly retries: number
  readonly connections_max: number
  readonly breaker: { readonly failures: number; readonly open_ms: number }
  readonly health: HealthCheck | undefined
  /** Certificates (PEM) that an https origin is verified against; undefined: those that Node trusts. */
  readonly ca: string | undefined
  /** Names of headers, in lower case, that pass in addition to the default ones. */
  readonly headers: { readonly request: readonly string[]; readonly response: readonly string[] }
}

export interface HealthCheck {
  readonly path: string
  readonly interval_ms: number
  readonly timeout_ms: number
  readonly failures: number
}

/** What a route of an upstream demands: always a tenant, as `tenant(...scopes)` of a built-in route. */
export interface DeclaredAccess {
  readonly kind: 'tenant'
  readonly scopes: readonly string[]
}

interface Declared {
  /** Name of the upstream. */
  readonly upstream: string
  /** The whole template, such as `/training/sessions/:id`; label of logs, metrics and usage. */
  readonly url: string
  readonly access: DeclaredAccess
  readonly operation_id: string
  readonly summary: string | undefined
  readonly timeout_ms: number
}

/** A character that a path may hold in its encoded form, if its route allows it. */
export type EncodedCharacter = '/' | ';' | '%'

export interface DeclaredRoute extends Declared {
  readonly method: Method
  /** What each tenant may spend on this route; undefined: no budget of its own. */
  readonly budget: Size | undefined
  /** Undefined if the route takes no body. */
  readonly body_bytes_max: number | undefined
  /** What a path may encode below the wildcard of the route. */
  readonly encoded: readonly EncodedCharacter[]
  /** Undefined if the response does not stay open. */
  readonly stream: StreamLimits | undefined
}

/** The limits of responses that stay open. */
export interface StreamLimits {
  /** Time allowed between two chunks of the response. */
  readonly idle_ms_max: number
  readonly connections_per_tenant_max: number
}

export interface DeclaredSocket extends Declared {
  readonly connections_per_tenant_max: number
  readonly message_bytes_max: number
}

/** Whatever a manifest declares that callers may ask for. */
export type DeclaredOperation = DeclaredRoute | DeclaredSocket

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
