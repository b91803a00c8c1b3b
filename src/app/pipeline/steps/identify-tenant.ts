import type { FastifyReply, FastifyRequest } from 'fastify'
import type { KeyFact } from '../../../kernel/authz/facts.js'
import { type Credential, checkStanding, matchingSecret } from '../../../kernel/authz/standing.js'
import { digestOfSecret, parseTenantKey } from '../../../kernel/credentials/tenant-key.js'
import { ANY_CASE_UUID } from '../../../kernel/ids/uuid.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'
import { addLink } from '../../../kernel/rest/link.js'
import { readBearer } from './bearer.js'
import { refuseCredentials } from './limit-address.js'

/**
 * Which tenant: its id and one of its keys, both of them. Everything that can be wrong with them is one answer, for a
 * difference would tell a stranger what exists.
 *
 * The facts of the bearer travel in the same round trip; whether it is good is a later row's word.
 */
export const identifyTenant: Step = async (gate, request, reply) => {
  const credential = request.findings.credential ?? credentialOf(gate, request)
  if (credential === undefined) return refuseCredentials(gate, request, 'invalid_tenant_credentials')

  const facts = await gate.facts.read(credential)
  const { tenant, key } = facts
  const now = gate.clock()
  const is_first = request.findings.key === undefined
  const secret = key === null ? undefined : matchingSecret(key, credential.key_digest, now)
  if (tenant === null || key === null || secret === undefined) {
    return refuseCredentials(gate, request, 'invalid_tenant_credentials')
  }

  // Before what may refuse: a good key that is used from elsewhere stands in the audit and in the usage of its tenant.
  Object.assign(request.findings, { credential: { ...credential, tenant_id: tenant.id }, facts, tenant, key })
  checkStanding(tenant, key, request.ip, now)
  // A request that is asked about again (see `askAgain`) is no other one.
  if (!is_first) return
  gate.key_use.record(tenant.id, key.id, credential.key_digest)
  if (secret === 'previous') announceDeprecation(reply, key)
}

/** What the headers of a request prove; undefined for what can be no credential. */
function credentialOf(gate: Gate, request: FastifyRequest): Credential | undefined {
  const { id, key } = tenantHeaders(request)
  const parsed = parseTenantKey(key)
  const bearer = readBearer(gate, request)
  if (!ANY_CASE_UUID.test(id) || parsed === undefined) return undefined
  const { session_id, user_id, expires_at_ms } = typeof bearer === 'object' ? bearer : NOBODY
  const key_digest = digestOfSecret(parsed.secret)
  return { tenant_id: id, key_id: parsed.id, key_digest, session_id, user_id, token_expires_at_ms: expires_at_ms }
}

const NOBODY = { session_id: null, user_id: null, expires_at_ms: null }

function tenantHeaders(request: FastifyRequest): { id: string; key: string } {
  const id = request.headers['x-tenant-id']
  const key = request.headers['x-tenant-api-key']
  if (typeof id !== 'string' || typeof key !== 'string' || id === '' || key === '') {
    throw new Problem('tenant_credentials_required')
  }
  return { id, key }
}

/** Tells whoever still uses the old secret since when it is old, until when it works, and where to look (RFC 9745, RFC 8594). */
function announceDeprecation(reply: FastifyReply, key: KeyFact): void {
  reply.header('deprecation', `@${Math.floor(Date.parse(key.secret_created_at) / 1000)}`)
  reply.header('sunset', new Date(key.previous_expires_at ?? 0).toUTCString())
  addLink(reply, '/v1/key', 'deprecation')
}
