import { randomUUID } from 'node:crypto'
import type { AccessKind } from '../../src/kernel/authz/demand.js'
import type { TestGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { type GuardedRoute, pathOf } from './route-table.js'

/** The result of a request: it passes every check of access, or it gets this code. */
export type Outcome =
  | 'passes'
  | 'authentication_required'
  | 'invalid_token'
  | 'tenant_credentials_required'
  | 'invalid_tenant_credentials'
  | 'tenant_access_denied'
  | 'platform_access_denied'

/** A caller, and the expected result for each kind of access. A list holds their scopes, which then decide. */
export interface Caller {
  readonly name: string
  readonly headers: Readonly<Record<string, string>>
  readonly expects: Readonly<Record<AccessKind, Outcome | readonly string[]>>
}

const STATUS_OF: Readonly<Record<string, number>> = {
  authentication_required: 401,
  invalid_token: 401,
  tenant_credentials_required: 401,
  invalid_tenant_credentials: 401,
  tenant_access_denied: 403,
  platform_access_denied: 403,
  insufficient_scope: 403,
}

/** Well-formed values for the path parameters. Only the tenant exists in the database. */
export const fillers = (tenant_id: string): Record<string, string> => ({
  tenant_id,
  key_id: 'AAAAAAAAAAAA',
  code: 'not_found',
  id: randomUUID(),
  user_id: randomUUID(),
  role_id: randomUUID(),
  invitation_id: randomUUID(),
  session_id: randomUUID(),
  message_id: randomUUID(),
  scope: 'agents:view',
  token: 'none',
})

/**
 * Sends a request to each route as each caller. @returns where the response is not the one that the access requires
 *
 * Every request carries an unknown query parameter. The gateway validates the query after every check of access. So
 * `400 validation_failed` means that the caller passed, and no request changes anything.
 */
export async function accessViolations(
  gateway: TestGateway,
  routes: readonly GuardedRoute[],
  callers: readonly Caller[],
  tenant_id: string,
): Promise<{ violations: string[]; asked: number }> {
  const violations: string[] = []
  let asked = 0
  const check = async (route: GuardedRoute, caller: Caller) => {
    const path = `${pathOf(route.url, fillers(tenant_id))}?no_such_parameter=1`
    const answer = await ask(gateway, path, { method: route.method, headers: { ...caller.headers } })
    asked += 1
    const expected = expectedOf(route, caller)
    const got = answer.body?.code === 'validation_failed' ? 'passes' : String(answer.body?.code ?? answer.status)
    const missing: string[] = answer.body?.missing ?? []
    const is_right =
      got === expected.code &&
      (got === 'passes' || answer.status === STATUS_OF[got]) &&
      (answer.status !== 401 || answer.headers.has('www-authenticate')) &&
      same(missing, expected.missing)
    if (is_right) return
    const where = `${route.name} as ${caller.name}`
    violations.push(`${where}: ${got} (${missing}), not ${expected.code} (${expected.missing})`)
  }
  for (const route of routes) {
    // The callers of a route run concurrently to save time. They do not affect each other's responses.
    await Promise.all(callers.map((caller) => check(route, caller)))
  }
  return { violations, asked }
}

function expectedOf({ access }: GuardedRoute, caller: Caller): { code: string; missing: readonly string[] } {
  const expected = caller.expects[access.kind]
  if (typeof expected === 'string') return { code: expected, missing: [] }
  const missing = (access.scopes as readonly string[]).filter((scope) => !expected.includes(scope))
  if (missing.length === 0) return { code: 'passes', missing }
  return { code: access.kind === 'operator' ? 'platform_access_denied' : 'insufficient_scope', missing }
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((each, position) => each === right[position])
}
