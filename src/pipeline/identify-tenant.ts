import type { FastifyRequest } from 'fastify'
import { Problem } from '../http/problems.js'
import { digestOfSecret, isSameDigest, type ParsedTenantKey, parseTenantKey } from '../keys/tenant-key.js'
import { isInNetworks } from '../limits/address.js'
import { isKeyUsable, isSuspended, readFacts } from '../storage/facts.js'
import { readBearer } from './bearer.js'
import type { Gate, Step } from './gate.js'
import { refuseCredentials } from './limit-address.js'

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/**
 * Which tenant: its id and one of its keys, both of them. Everything that can be wrong with them is one answer, for a
 * difference would tell a stranger what exists.
 *
 * The facts of the bearer travel in the same round trip; whether it is good is a later row's word.
 */
export const identifyTenant: Step = async (gate, request) => {
  const { id, key } = tenantHeaders(request)
  const parsed = parseTenantKey(key)
  const bearer = readBearer(gate, request)
  if (!UUID.test(id) || parsed === undefined) return refuseCredentials(gate, request, 'invalid_tenant_credentials')

  const claims = typeof bearer === 'object' ? bearer : { session_id: null, user_id: null }
  const facts = await readFacts(gate.database, { tenant_id: id, key_id: parsed.id, ...pick(claims) })
  const { tenant, key: found } = facts
  if (tenant === null || found === null || !isGood(gate, found, parsed)) {
    return refuseCredentials(gate, request, 'invalid_tenant_credentials')
  }

  const now = gate.clock()
  if (isSuspended(tenant, now)) throw new Problem('tenant_suspended')
  if (found.allowed_cidrs !== null && !isInNetworks(request.ip, found.allowed_cidrs)) {
    throw new Problem('address_not_allowed')
  }
  Object.assign(request.findings, { facts, tenant, key: found })
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

function isGood(gate: Gate, key: Parameters<typeof isKeyUsable>[0], parsed: ParsedTenantKey): boolean {
  const is_same = isSameDigest(key.secret_digest, digestOfSecret(parsed.secret))
  return isKeyUsable(key, gate.clock()) && is_same
}
