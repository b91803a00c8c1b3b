import type { FastifyRequest } from 'fastify'
import type { Bearer } from '../../../kernel/request/findings.js'
import type { Gate } from '../../../kernel/request/gate.js'

/** RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1). */
const BEARER = /^Bearer +([^ ]+)$/i

/** Reads and verifies the bearer token once. A header without a valid token is invalid; it is never treated as absent. */
export function readBearer({ access_tokens }: Gate, request: FastifyRequest): Bearer {
  request.findings.bearer ??= parse(request.headers.authorization, access_tokens)
  return request.findings.bearer
}

function parse(header: string | undefined, access_tokens: Gate['access_tokens']): Bearer {
  if (header === undefined) return 'absent'
  const token = BEARER.exec(header)?.[1]
  return (token === undefined ? undefined : access_tokens.verify(token)) ?? 'bad'
}

/** For every rule, a token that the gateway did not sign, or that had expired when it arrived, has expired. */
const LONG_AGO_MS = 0

/** Returns when the token of a request expires, for the rules; null for a request without a token. */
export function expiryOf(bearer: Bearer): number | null {
  if (bearer === 'absent') return null
  return typeof bearer === 'object' ? bearer.expires_at_ms : LONG_AGO_MS
}
