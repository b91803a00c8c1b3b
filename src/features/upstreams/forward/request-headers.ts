import type { IncomingHttpHeaders } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { tenantPrincipal, userIdOf } from '../../../kernel/authz/principal.js'
import { holds } from '../../../kernel/permissions/evaluate.js'
import { required } from '../../../kernel/request/findings.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import type { Identity, IdentityTokens } from './identity.js'
import { pushTrace } from './tracing.js'

/** The name by which this hop goes (RFC 9110 section 7.6.3). */
const VIA = '1.1 gatehouse'

/** Where clients reach the gateway. It comes from the configuration, because a client can put anything in `Host`. */
export interface PublicAddress {
  readonly protocol: string
  readonly host: string
}

/**
 * The headers of a request as an upstream receives them, names and values in turn: those of the client that pass, then
 * those of the gateway. The handshake of a WebSocket has the same headers.
 */
export function requestHeaders(
  request: FastifyRequest,
  upstream: RunningUpstream,
  tokens: IdentityTokens,
  address: PublicAddress,
): string[] {
  const { headers: given } = request
  const headers = passedHeaders(given, upstream.request_headers)
  const identity = identityOf(request, upstream)
  headers.push(
    'x-request-id',
    request.id,
    'via',
    given.via === undefined ? VIA : `${given.via}, ${VIA}`,
    'x-forwarded-for',
    request.ips === undefined ? request.ip : [...request.ips].reverse().join(', '),
    'x-forwarded-proto',
    address.protocol,
    'x-forwarded-host',
    address.host,
    'x-forwarded-prefix',
    upstream.declared.prefix,
    'x-gatehouse-tenant',
    identity.tenant_id,
    'x-gatehouse-key',
    identity.key_id,
    'x-gatehouse-scopes',
    identity.scopes,
    'x-gatehouse-identity',
    tokens(upstream.declared.name, identity),
  )
  if (identity.user_id !== undefined) headers.push('x-gatehouse-user', identity.user_id)
  pushTrace(headers, given)
  return headers
}

/** The caller, and the scopes of the upstream that the caller holds now. Both come from the facts of this request. */
function identityOf({ findings }: FastifyRequest, { declared }: RunningUpstream): Identity {
  const holdings = required(findings.holdings)
  return {
    tenant_id: required(findings.tenant).id,
    user_id: userIdOf(tenantPrincipal(required(findings.principal))) ?? undefined,
    key_id: required(findings.key).id,
    scopes: declared.scopes.filter((scope) => holds(holdings, scope)).join(' '),
  }
}

/**
 * The headers of a client that pass, names and values in turn. A header that `Connection` lists is for this hop only and
 * does not pass (RFC 9110 section 7.6.1). The gateway adds its own headers later, so `Connection` cannot remove them.
 */
function passedHeaders(headers: IncomingHttpHeaders, names: readonly string[]): string[] {
  const passed: string[] = []
  const dropped = headers.connection === undefined ? undefined : connectionOptions(headers.connection)
  for (const name of names) {
    const value = headers[name]
    if (value === undefined || dropped?.includes(name)) continue
    passed.push(name, typeof value === 'string' ? value : value.join(', '))
  }
  return passed
}

function connectionOptions(value: string): string[] | undefined {
  if (value === 'keep-alive' || value === 'close') return undefined
  return value
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
}
