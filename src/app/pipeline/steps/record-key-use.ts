import type { FastifyReply } from 'fastify'
import type { KeyFact } from '../../../kernel/authz/facts.js'
import { matchingSecret } from '../../../kernel/authz/rules.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'
import { addLink } from '../../../kernel/rest/link.js'

/** Records that the secret of a key was used. If a rotation has replaced the secret, the response says when it ends. */
export const recordKeyUse: Step<never> = ({ key_use, clock }, { findings }, reply) => {
  const key = required(findings.key)
  const { tenant_id, key_digest } = required(findings.credential)
  key_use.record(tenant_id, key.id, key_digest)
  if (key.previous_digest !== null && matchingSecret(key, key_digest, clock()) === 'previous') {
    announceDeprecation(reply, key)
  }
  return undefined
}

/** Sets the headers `Deprecation`, `Sunset` and `Link` (RFC 9745, RFC 8594): since when the secret is replaced, until when it works, and where this is explained. */
function announceDeprecation(reply: FastifyReply, key: KeyFact): void {
  reply.header('deprecation', `@${Math.floor(Date.parse(key.secret_created_at) / 1000)}`)
  reply.header('sunset', new Date(key.previous_expires_at ?? 0).toUTCString())
  addLink(reply, '/v1/key', 'deprecation')
}
