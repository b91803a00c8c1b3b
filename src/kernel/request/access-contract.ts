import type { ProblemCode } from '../../contract/problems/catalogue.js'
import type { AccessRules } from '../authz/access-rules.js'
import { type AccessColumn, columnOf } from './access.js'

/** Returns the credentials that an access requires, as security requirements of OpenAPI: any one of them is enough. */
export function securityOf(access: AccessColumn): Record<string, string[]>[] {
  switch (access.kind) {
    case 'open':
      return []
    case 'tenant':
      return [
        { tenant_id: [], tenant_key: [], access_token: [] },
        { tenant_id: [], tenant_key: [] },
        ...(access.takes_ticket === true ? [{ ticket: [] }] : []),
      ]
    default:
      return [{ access_token: [] }]
  }
}

/** Codes of the hooks and the handler, which every route can return besides the codes of its column. */
const OF_EVERY_ROUTE: readonly ProblemCode[] = ['validation_failed', 'internal_error', 'service_unavailable']

/** Returns the codes that every route of an access can answer with. Only a route with a path parameter can answer `uri_too_long`. */
export function codesOfAccess(rules: AccessRules, access: AccessColumn, has_parameters: boolean): ProblemCode[] {
  const of_column = rules.refusals(columnOf(access))
  return [...of_column.filter((code) => has_parameters || code !== 'uri_too_long'), ...OF_EVERY_ROUTE]
}
