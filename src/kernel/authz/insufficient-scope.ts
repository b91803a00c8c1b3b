import type { Decision } from '../permissions/evaluate.js'
import { Problem } from '../problems/problems.js'
import { unreachable } from '../unreachable.js'

/** Makes the 403 `insufficient_scope` (RFC 6750 section 3.1). The decision contains everything that it says. */
export function insufficientScope(
  decision: Decision,
  granted_by_roles: readonly string[],
): Problem<'insufficient_scope'> {
  const { required, missing, principal, denied_by_override } = decision
  return new Problem('insufficient_scope', {
    detail: explainInWords(decision, granted_by_roles),
    members: { required, missing, principal, denied_by_override, granted_by_roles },
    headers: {
      'www-authenticate': `Bearer realm="gateway", error="insufficient_scope", scope="${required.join(' ')}"`,
    },
  })
}

/** The 403 of an operator without a required privilege. */
export function insufficientPrivilege(decision: Decision): Problem<'platform_access_denied'> {
  const { required, missing } = decision
  return new Problem('platform_access_denied', {
    detail: explainInWords(decision, []),
    members: { required, missing },
  })
}

/** Says in plain words which scopes are missing, why, and who can grant them. */
export function explainInWords(
  { missing, principal, denied_by_override }: Decision,
  granted_by_roles: readonly string[],
): string {
  const scopes = missing.join(', ')
  const roles = granted_by_roles.length > 0 ? granted_by_roles.join(', ') : 'no role of this tenant'
  switch (principal.kind) {
    case 'key':
      return `No user is signed in, and this key holds no such scope: ${scopes}. Send the access token of a user as well (granted by: ${roles}), or use a key that holds the scope itself.`
    case 'user':
      return denied_by_override.length > 0
        ? `An override on this membership denies ${denied_by_override.join(', ')}, whatever its roles grant. Whoever manages members can lift it. Missing: ${scopes}.`
        : `None of the user's roles in this tenant grants ${scopes}. Granted by: ${roles}.`
    case 'operator':
      return `This operator lacks ${scopes}. Whoever holds platform:operators:manage can grant it.`
    default:
      return unreachable(principal.kind)
  }
}
