import type { ProblemCode } from '../../contract/problems/catalogue.js'

/** What an example of a problem has in addition to its row of the catalogue, as the gateway sends it. */
export interface ExampleOptions {
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
}

const SCOPES = { required: ['customers:edit'], missing: ['customers:edit'] }

/** The members and headers of the examples. A test compares their names with those that the code of the gateway sends. */
export const PROBLEM_EXAMPLES: Readonly<Partial<Record<ProblemCode, ExampleOptions>>> = {
  validation_failed: { members: { errors: [{ pointer: '/email', message: 'must be an email address' }] } },
  method_not_allowed: { headers: { allow: 'GET, HEAD' } },
  upgrade_required: { headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' } },
  rate_limited: { members: { violated_policies: ['tenant'] }, headers: { 'retry-after': '12' } },
  service_unavailable: { headers: { 'retry-after': '1' } },
  insufficient_scope: {
    members: {
      ...SCOPES,
      principal: { kind: 'user', id: '01a228c1-104a-759f-8c60-8c0cd5d90f61' },
      denied_by_override: [],
      granted_by_roles: ['Owner', 'Admin', 'Support Lead', 'Agent'],
    },
    headers: { 'www-authenticate': 'Bearer error="insufficient_scope", scope="customers:edit"' },
  },
  tenant_access_denied: { members: { membership_state: 'pending' } },
  platform_access_denied: {
    members: { required: ['platform:users:manage'], missing: ['platform:users:manage'] },
  },
  privilege_escalation: { members: { exceeding_scopes: ['keys:manage'] } },
  conversation_role_required: { members: { required_roles: ['owner', 'moderator'] } },
  already_exists: { members: { conflicting_field: 'email' } },
  rotation_in_progress: { members: { previous_expires_at: '2026-11-21T01:06:55.098Z' } },
  upstream_no_web_socket: { members: { poll: '/v1/orders/changes' } },
}
