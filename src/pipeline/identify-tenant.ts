import type { FastifyReply, FastifyRequest } from 'fastify'
import { addLink } from '../http/link.js'
import { Problem } from '../http/problems.js'
import { digestOfSecret, isSameDigest, type ParsedTenantKey, parseTenantKey } from '../keys/tenant-key.js'
import type { Secret } from '../keys/use-recorder.js'
import { isInNetworks } from '../limits/address.js'
import { isKeyUsable, isSuspended, type KeyFact } from '../storage/facts.js'
import { readBearer } from './bearer.js'
import type { Step } from './gate.js'
import { refuseCredentials } from './limit-address.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Which tenant: its id and one of its keys, both of them. Everything that can be wrong with them is one answer, for a
 * difference would tell a stranger what exists.
 *
 * The facts of the bearer travel in the same round trip; whether it is good is a later row's word.
 */
export const identifyTenant: Step = async (gate, request, reply) => {
  const { id, key } = tenantHeaders(request)
  const parsed = parseTenantKey(key)
  const bearer = readBearer(gate, request)
  if (!UUID.test(id) || parsed === undefined) return refuseCredentials(gate, request, 'invalid_tenant_credentials')

  const claims = typeof bearer === 'object' ? bearer : { session_id: null, user_id: null }
  const facts = await gate.facts.read({ tenant_id: id, key_id: parsed.id, ...pick(claims) })
  const { tenant, key: found } = facts
  const secret = found === null ? undefined : matchingSecret(found, parsed, gate.clock())
  if (tenant === null || found === null || secret === undefined) {
    return refuseCredentials(gate, request, 'invalid_tenant_credentials')
  }

  // Before what may refuse: a good key that is used from elsewhere stands in the audit and in the usage of its tenant.
  Object.assign(request.findings, { facts, tenant, key: found })
  if (isSuspended(tenant, gate.clock())) throw new Problem('tenant_suspended')
  if (found.allowed_cidrs !== null && !isInNetworks(request.ip, found.allowed_cidrs)) {
    throw new Problem('address_not_allowed')
  }
  gate.key_use.record(tenant.id, found.id, digestOf(found, secret))
  if (secret === 'previous') announceDeprecation(reply, found)
}

function tenantHeaders(request: FastifyRequest): { id: string; key: string } {
  const id = request.headers['x-tenant-id']
  const key = request.headers['x-tenant-api-key']
  if (typeof id !== 'string' || typeof key !== 'string' || id === '' || key === '') {
    throw new Problem('tenant_credentials_required')
  }
  return { id, key }
}

function pick(claims: { session_id: string | null; user_id: string | null }) {
  return { session_id: claims.session_id, user_id: claims.user_id }
}

/**
 * Which secret of the key it is; undefined for none, and for a key that may not be used. Both are compared, always, so
 * that the time does not tell whether a rotation is under way.
 */
function matchingSecret(key: KeyFact, parsed: ParsedTenantKey, now_ms: number): Secret | undefined {
  const digest = digestOfSecret(parsed.secret)
  const is_current = isSameDigest(key.secret_digest, digest)
  const is_previous = isSameDigest(key.previous_digest ?? NO_DIGEST, digest)
  if (!isKeyUsable(key, now_ms)) return undefined
  if (is_current) return 'current'
  const overlaps = key.previous_expires_at !== null && Date.parse(key.previous_expires_at) > now_ms
  return is_previous && overlaps ? 'previous' : undefined
}

const NO_DIGEST = Buffer.alloc(32)

function digestOf(key: KeyFact, secret: Secret): Uint8Array {
  return secret === 'current' ? key.secret_digest : (key.previous_digest ?? NO_DIGEST)
}

/** Tells whoever still uses the old secret since when it is old, until when it works, and where to look (RFC 9745, RFC 8594). */
function announceDeprecation(reply: FastifyReply, key: KeyFact): void {
  reply.header('deprecation', `@${Math.floor(Date.parse(key.secret_created_at) / 1000)}`)
  reply.header('sunset', new Date(key.previous_expires_at ?? 0).toUTCString())
  addLink(reply, '/v1/key', 'deprecation')
}
