import type { FastifyRequest } from 'fastify'
import { tenantPrincipal, userIdOf } from '../../../kernel/authz/principal.js'
import { holds } from '../../../kernel/permissions/evaluate.js'
import { found } from '../../../kernel/request/findings.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import type { Identity, IdentityTokens } from './identity.js'
import { passedHeaders } from './pass-headers.js'
import { pushTrace } from './tracing.js'

/** The name by which this hop goes (RFC 9110 section 7.6.3). */
const VIA = '1.1 gatehouse'

/** Where callers reach the gateway, as it is configured: `Host` is the caller's word. */
export interface PublicPlace {
  readonly protocol: string
  readonly host: string
}

/**
 * The headers of a request as an upstream gets them, names and values in turn: of the caller's those that pass, and
 * then those of the gateway. A WebSocket's handshake has the same ones.
 */
export function outgoingHeaders(
  request: FastifyRequest,
  upstream: RunningUpstream,
  tokens: IdentityTokens,
  place: PublicPlace,
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
    place.protocol,
    'x-forwarded-host',
    place.host,
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

/** Who calls, and which of the scopes that the upstream knows they hold: of this request's facts, and no older ones. */
function identityOf({ findings }: FastifyRequest, { declared }: RunningUpstream): Identity {
  const holdings = found(findings.holdings)
  return {
    tenant_id: found(findings.tenant).id,
    user_id: userIdOf(tenantPrincipal(found(findings.principal))) ?? undefined,
    key_id: found(findings.key).id,
    scopes: declared.scopes.filter((scope) => holds(holdings, scope)).join(' '),
  }
}
