import type { Credential } from '../../../kernel/authz/caller.js'
import { digestOfSecret, parseTenantKey } from '../../../kernel/credentials/tenant-key.js'
import { ANY_CASE_UUID } from '../../../kernel/ids/uuid.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Bearer } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'
import { expiryOf, readBearer } from './bearer.js'
import { describeCaller } from './describe-caller.js'
import { learnFacts } from './learn-facts.js'

/**
 * Reads the credentials of a data plane request, and the facts that they name. The statement for the tenant and the key
 * also reads the facts of the bearer. A later row decides about the bearer.
 */
export const identifyTenant: Step<'tenant_credentials_required'> = (gate, request) => {
  const { findings } = request
  if (findings.credential === undefined) {
    const { 'x-tenant-id': id, 'x-tenant-api-key': key } = request.headers
    if (typeof id !== 'string' || typeof key !== 'string' || id === '' || key === '') {
      return new Problem('tenant_credentials_required')
    }
    const bearer = readBearer(gate, request)
    const credential = credentialOf(id, key, bearer)
    findings.caller = describeCaller(gate, request, credential?.key_digest ?? null, expiryOf(bearer))
    if (credential === undefined) return undefined
    findings.credential = credential
  } else {
    const { key_digest, token_expires_at_ms } = findings.credential
    findings.caller = describeCaller(gate, request, key_digest, token_expires_at_ms)
  }
  return learnFacts(gate, request, findings.credential)
}

/**
 * What the headers of a request prove; undefined for text that cannot be a credential. Everywhere else an id has one spelling
 * and another one is refused. Here the gateway converts capitals: the refusal of a credential must not give a reason, and
 * without one the client could not find this mistake. Behind this function the id has its one spelling.
 */
function credentialOf(id: string, key: string, bearer: Bearer): Credential | undefined {
  const parsed = parseTenantKey(key)
  if (!ANY_CASE_UUID.test(id) || parsed === undefined) return undefined
  const { session_id, user_id, expires_at_ms } = typeof bearer === 'object' ? bearer : NO_USER
  return {
    tenant_id: id.toLowerCase(),
    key_id: parsed.id,
    key_digest: digestOfSecret(parsed.secret),
    session_id,
    user_id,
    token_expires_at_ms: expires_at_ms,
  }
}

const NO_USER = { session_id: null, user_id: null, expires_at_ms: null }
