import type { FastifyRequest } from 'fastify'
import { findSessionId } from '../authz/principal.js'
import type { Origin } from '../store/audit-record.js'

/** Returns who acts and from where, for the audit. */
export function originOf(request: FastifyRequest): Origin {
  const { principal, credential } = request.findings ?? {}
  return {
    actor: principal === undefined ? { kind: 'anonymous', id: null } : { kind: principal.kind, id: principal.id },
    proof: {
      session_id: principal === undefined ? null : findSessionId(principal),
      key_digest: credential?.key_digest ?? null,
    },
    address: request.ip,
    user_agent: request.headers['user-agent'] ?? null,
    request_id: request.id,
  }
}
