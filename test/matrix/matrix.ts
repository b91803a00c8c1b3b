import { fillers } from '../guards/access.js'
import { type GuardedRoute, pathOf } from '../guards/route-table.js'
import type { TestGateway } from '../helpers/gateway.js'
import { type Answer, ask } from '../helpers/requests.js'
import { CALLERS, type CallerName, planeOf, REFUSED, REFUSED_BY_OPERATION } from './policy.js'

/** A caller with the tenant that they are asking for. */
export interface MatrixCaller {
  readonly headers: Readonly<Record<string, string>>
  readonly tenant_id: string
}

export type MatrixCallers = Readonly<Record<CallerName, MatrixCaller>>
export type Policy = Readonly<Record<string, readonly CallerName[]>>

/** Whoever the pipeline lets into a tenant, whatever their scopes. */
const INSIDE: readonly CallerName[] = ['analyst', 'agent', 'lead', 'admin', 'owner']
const PASSES = 'passes'
/** Comes after every check of access, so what it stops was let in, and nothing is changed. */
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

/** Asks every route as every caller, and says where the answer is not that of the policy. */
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
    // Only a request that is not stopped reaches an operation that refuses by itself.
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

/** A rotation needs a body to come as far as its refusal. */
function bodyOf(route: GuardedRoute): unknown {
  return route.operation_id === 'rotateOwnKey' ? { overlap_seconds: 0 } : undefined
}
