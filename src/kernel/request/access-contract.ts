import type { ProblemCode } from '../../contract/problems/catalogue.js'
import type { Access } from './access.js'

/** Which credentials an access asks for, as security requirements: any one of them is enough. */
export function securityOf(
  access: Pick<Access, 'kind'> & { readonly takes_ticket?: true },
): Record<string, string[]>[] {
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

/** The problems that the column of an access can answer before the handler runs. */
const OF_ACCESS: Record<Access['kind'], ProblemCode[]> = {
  open: [],
  user: ['authentication_required', 'invalid_token'],
  member: [
    'authentication_required',
    'invalid_token',
    'tenant_access_denied',
    'tenant_suspended',
    'insufficient_scope',
  ],
  tenant: [
    'tenant_credentials_required',
    'invalid_tenant_credentials',
    'invalid_token',
    'tenant_suspended',
    'address_not_allowed',
    'origin_not_allowed',
    'tenant_access_denied',
    'insufficient_scope',
  ],
  operator: ['authentication_required', 'invalid_token', 'platform_access_denied'],
}

const OF_EVERY_ROUTE: ProblemCode[] = [
  'malformed_request',
  'duplicate_header',
  'credentials_in_url',
  'no_web_socket',
  'validation_failed',
  'headers_too_large',
  'rate_limited',
  'internal_error',
  'service_unavailable',
]
/** The codes that every route of an access can answer with, whatever its shape. */
export function codesOfAccess(kind: Access['kind']): ProblemCode[] {
  return [...OF_EVERY_ROUTE, ...OF_ACCESS[kind]]
}
