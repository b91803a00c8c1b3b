import { Problem } from '../http/problems.js'
import { type Decision, evaluate } from '../permissions/evaluate.js'
import { scopesOfRole } from '../permissions/roles.js'
import type { TenantStore } from '../storage/tenant-store.js'
import { found } from './findings.js'
import type { Step } from './gate.js'
import { demandOf } from './route-of.js'

/** Refuses what the principal lacks, and says what, why, and which role would change it. */
export const enforceScopes: Step = async (_gate, request) => {
  const { findings } = request
  const decision = evaluate(demandOf(request).scopes, found(findings.holdings))
  findings.decision = decision
  if (decision.allowed) return
  if (decision.principal.kind === 'operator') throw platformAccessDenied(decision)
  throw insufficientScope(decision, await rolesThatGrant(found(findings.tenant_store), decision.missing))
}

/** The names of the tenant's roles that would give everything that is missing. */
export async function rolesThatGrant(store: TenantStore, missing: readonly string[]): Promise<string[]> {
  const roles = await store.read((readers) => readers.roles.list())
  return roles.filter((role) => missing.every((scope) => scopesOfRole(role).includes(scope))).map((role) => role.name)
}

/** The 403 that explains itself (RFC 6750 section 3.1), from the decision alone. */
export function insufficientScope(decision: Decision, granted_by_roles: readonly string[]): Problem {
  const { required, missing, principal, denied_by_override } = decision
  return new Problem('insufficient_scope', {
    detail: explainInWords(decision, granted_by_roles),
    members: { required, missing, principal, denied_by_override, granted_by_roles },
    headers: {
      'www-authenticate': `Bearer realm="gateway", error="insufficient_scope", scope="${required.join(' ')}"`,
    },
  })
}

/** A refusal in plain words: what is missing, why, and who could change it. */
export function explainInWords(
  { missing, principal, denied_by_override }: Decision,
  granted_by_roles: readonly string[],
): string {
  const scopes = missing.join(', ')
  const roles = granted_by_roles.length > 0 ? granted_by_roles.join(', ') : 'no role of this tenant'
  if (principal.kind === 'key') {
    return `No user is signed in, and this key holds no such scope: ${scopes}. Send the access token of a user as well (granted by: ${roles}), or use a key that holds the scope itself.`
  }
  if (denied_by_override.length > 0) {
    return `An override on this membership denies ${denied_by_override.join(', ')}, whatever its roles grant. Whoever manages members can lift it. Missing: ${scopes}.`
  }
  return `None of the user's roles in this tenant grants ${scopes}. Granted by: ${roles}.`
}

function platformAccessDenied({ required, missing }: Decision): Problem {
  return new Problem('platform_access_denied', {
    detail: `This operator lacks ${missing.join(', ')}. Whoever holds platform:operators:manage can grant it.`,
    members: { required, missing },
  })
}
