import type { FastifyRequest } from 'fastify'
import type { SessionFact } from '../../../kernel/authz/facts.js'
import { livingSession } from '../../../kernel/authz/standing.js'
import { LOWER_CASE_UUID } from '../../../kernel/ids/uuid.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { found } from '../../../kernel/request/findings.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'
import { readBearer } from './bearer.js'
import { refuseCredentials } from './limit-address.js'

/** Which user. No bearer and a bad bearer are different answers, and a bad one never falls back to the key. */
export const identifyUser: Step = async (gate, request) => {
  const bearer = readBearer(gate, request)
  const { findings } = request
  if (bearer === 'absent') {
    if (findings.key === undefined) throw new Problem('authentication_required')
    findings.principal = { kind: 'key', id: findings.key.id }
    findings.holdings = { kind: 'key', id: findings.key.id, scopes: findings.key.scopes }
    return
  }
  // Only what we never signed is a guess: a server that speaks for many users meets ends of hours and of sessions.
  if (bearer === 'bad') return refuseCredentials(gate, request, 'invalid_token')
  const session = bearer === 'expired' ? undefined : await liveSession(gate, request)
  if (session === undefined) throw new Problem('invalid_token')
  findings.session = session
  findings.principal = {
    kind: 'user',
    id: session.user_id,
    session_id: session.id,
    key_id: findings.key?.id ?? null,
  }
}

/** The session of the token, if it lives. On tenant routes its facts came with those of the key. */
async function liveSession(gate: Gate, request: FastifyRequest): Promise<SessionFact | undefined> {
  const { findings } = request
  const { session_id, user_id } = found(findings.bearer) as { session_id: string; user_id: string }
  findings.facts ??= await gate.facts.read({
    tenant_id: tenantOfPath(request),
    key_id: null,
    session_id,
    user_id,
  })
  return livingSession(findings.facts, gate.clock())
}

/** The tenant that a member route names. What is no id names no tenant. */
function tenantOfPath(request: FastifyRequest): string | null {
  if (request.routeOptions.config.access.kind !== 'member') return null
  const { tenant_id } = request.params as { tenant_id: string }
  return LOWER_CASE_UUID.test(tenant_id) ? tenant_id : null
}
