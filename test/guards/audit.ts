import { randomBytes } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import type { Row } from '../../src/kernel/database/database.js'
import type { TestGateway } from '../helpers/gateway.js'
import { type Answer, ask } from '../helpers/requests.js'
import type { Example, Examples, ExpectedEvent } from './examples.js'
import { type GuardedRoute, pathOf } from './route-table.js'

const AGENT = 'guard/1.0'
/** Credentials, and the stored forms of credentials. An audit event must not hold any of them. */
const SECRETS = /gh[kr]_|eyJ[\w-]{8,}|\$argon2|quartz-lantern|digest|password|"key"|"refresh"|"access"/i

/** A POST that reads: its input is too long for a URL. */
const ASKING = 'explainAccess'

/** Whether a route may change something. */
export function isWriting({ method, operation_id }: GuardedRoute): boolean {
  return method !== 'GET' && operation_id !== ASKING
}

/** The SQL condition for events of changes. The gateway also records refusals, but samples them and writes them later. */
export const OF_CHANGES = `action not in ('request.refused', 'login.failed', 'budget.exceeded')`

/** The events of changes that a request recorded, by its request id. */
export function eventsOf(gateway: TestGateway, request_id: string): Promise<Row[]> {
  return gateway.sql(`select * from audit_events where request_id = '${request_id}' and ${OF_CHANGES} order by seq`)
}

/** Sends an example with a unique request id. */
export async function askExample(
  gateway: TestGateway,
  route: GuardedRoute,
  { headers, params, body, form }: Example,
): Promise<{ answer: Answer; request_id: string }> {
  const request_id = `guard-${randomBytes(8).toString('hex')}`
  const answer = await ask(gateway, pathOf(route.url, params ?? {}), {
    method: route.method,
    headers: { ...headers, 'x-request-id': request_id, 'user-agent': AGENT },
    body,
    form: body === undefined ? form : undefined,
  })
  return { answer, request_id }
}

/** Waits for the events of a request. The gateway writes some after the response, so that response times reveal nothing. */
async function eventsOnceThere(gateway: TestGateway, request_id: string): Promise<Row[]> {
  const deadline = Date.now() + 2_000
  for (;;) {
    const events = await eventsOf(gateway, request_id)
    if (events.length > 0 || Date.now() > deadline) return events
    await setImmediate()
  }
}

/** Sends every write once. @returns which of them did not record exactly the expected event, or the expected two */
export async function auditViolations(
  gateway: TestGateway,
  routes: readonly GuardedRoute[],
  examples: Examples,
): Promise<string[]> {
  const violations: string[] = []
  for (const route of routes) {
    const example = await examples[route.operation_id]?.()
    if (example?.event === undefined) {
      violations.push(`${route.name}: no example says which event it leaves`)
      continue
    }
    const { answer, request_id } = await askExample(gateway, route, example)
    if (answer.status >= 300) violations.push(`${route.name}: the example answered ${answer.status} ${answer.text}`)
    const events = await eventsOnceThere(gateway, request_id)
    const expected = [example.event, ...(example.second_event === undefined ? [] : [example.second_event])]
    if (events.length !== expected.length)
      violations.push(`${route.name}: left ${events.length} events, not ${expected.length === 1 ? 'one' : 'two'}`)
    for (const event of events) {
      const wanted = expected.find(({ action }) => action === event.action) ?? example.event
      // The response names what the first write made.
      const made = wanted === example.event ? answer.body : undefined
      violations.push(...differences(event, wanted, made).map((each) => `${route.name}: ${each}`))
    }
  }
  return violations
}

function differences(event: Row, expected: ExpectedEvent, made: Answer['body']): string[] {
  const made_id = made?.id ?? made?.user_id ?? made?.tenant?.id
  const target_id = expected.target_id ?? made_id ?? event.target_id
  const tenant_id = 'tenant_id' in expected && expected.tenant_id !== undefined ? expected.tenant_id : made_id
  const wanted: Record<string, unknown> = {
    action: expected.action,
    actor_kind: expected.actor_kind,
    actor_id: expected.actor_id,
    target_kind: expected.target_kind,
    target_id,
    tenant_id,
    address: expected.is_confidential ? null : '127.0.0.1',
    user_agent: expected.is_confidential ? null : AGENT,
  }
  const wrong = Object.entries(wanted)
    .filter(([name, value]) => event[name] !== value)
    .map(([name, value]) => `${name} is ${event[name]}, not ${value}`)
  if (event.target_id === null) wrong.push('names no target')
  if (SECRETS.test(JSON.stringify(event.changes))) wrong.push(`holds a secret: ${JSON.stringify(event.changes)}`)
  return wrong
}
