import { fillers } from '../guards/access.js'
import { type GuardedRoute, pathOf } from '../guards/route-table.js'
import type { TestGateway } from '../helpers/gateway.js'
import { type Answer, ask } from '../helpers/requests.js'
import { CALLERS, type CallerName, planeOf, REFUSED, REFUSED_BY_OPERATION } from './policy.js'

/** The headers of a caller, and the tenant in the paths of their requests. */
export interface MatrixCaller {
  readonly headers: Readonly<Record<string, string>>
  readonly tenant_id: string
}

export type MatrixCallers = Readonly<Record<CallerName, MatrixCaller>>
export type Policy = Readonly<Record<string, readonly CallerName[]>>

/** The callers that are active members of the tenant, with any scopes. */
const INSIDE: readonly CallerName[] = ['analyst', 'agent', 'lead', 'admin', 'owner']
const PASSES = 'passes'
/** An unknown parameter. The gateway refuses it after every check of access, so a request that passes changes nothing. */
const STOP = '?no_such_parameter=1'

/** Operations without a line, and lines without an operation. */
export function unmatchedLines(routes: readonly GuardedRoute[], policy: Policy): string[] {
  const known = routes.map((route) => route.operation_id)
  return [
    ...known.filter((id) => policy[id] === undefined).map((id) => `${id} has no line`),
    ...Object.keys(policy)
      .filter((id) => !known.includes(id))
      .map((id) => `${id} is no operation`),
  ]
}

/** Sends a request to every route as every caller. @returns where the response differs from the policy */
export async function matrixViolations(
  gateway: TestGateway,
  routes: readonly GuardedRoute[],
  callers: MatrixCallers,
  policy: Policy,
): Promise<{ violations: string[]; checks: number }> {
  const violations: string[] = []
  let checks = 0
  const check = async (route: GuardedRoute, name: CallerName) => {
    const { headers, tenant_id } = callers[name]
    const expected = expectedOf(route, name, policy)
    // Without the unknown parameter the request reaches the operation, which then refuses it.
    const stop = expected === REFUSED_BY_OPERATION[route.operation_id] ? '' : STOP
    const path = pathOf(route.url, fillers(tenant_id)) + stop
    const send = (method: string) =>
      ask(gateway, path, { method, headers: { ...headers }, body: stop === '' ? bodyOf(route) : undefined })
    const answer = await send(route.method)
    checks += 1
    if (outcomeOf(answer) !== expected)
      violations.push(`${route.name} as ${name}: ${outcomeOf(answer)}, not ${expected}`)
    if (route.method !== 'GET') return
    const { status } = await send('HEAD')
    checks += 1
    if (status !== answer.status) violations.push(`HEAD ${route.url} as ${name}: ${status}, and GET ${answer.status}`)
  }
  for (const route of routes) await Promise.all(CALLERS.map((name) => check(route, name)))
  return { violations, checks }
}

function expectedOf(route: GuardedRoute, name: CallerName, policy: Policy): string {
  if (policy[route.operation_id]?.includes(name)) return PASSES
  const by_operation = REFUSED_BY_OPERATION[route.operation_id]
  if (by_operation !== undefined && INSIDE.includes(name)) return by_operation
  return REFUSED[name][planeOf(route.url)] ?? 'is refused somehow'
}

function outcomeOf({ status, body }: Answer): string {
  if (body?.code === 'validation_failed') return PASSES
  return String(body?.code ?? status)
}

/** The body of a request. A rotation without a body would fail the validation before the operation refuses it. */
function bodyOf(route: GuardedRoute): unknown {
  return route.operation_id === 'rotateOwnKey' ? { overlap_seconds: 0 } : undefined
}
