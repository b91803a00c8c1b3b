import fc from 'fast-check'
import { ALL_SCOPES } from '../../../src/contract/scopes.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const HOLDERS = ['agent', 'analyst', 'lead'] as const satisfies Person[]
const tenant = `/v1/tenants/${acme.id}`

const send = async (path: string, method: string, body?: unknown, match?: string) => {
  const headers = { ...(await world.bearer('owner')), ...(match !== undefined && { 'if-match': match }) }
  const answer = await ask(gateway, tenant + path, { method, headers, body })
  if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.text}`)
  return answer
}
const scopesOf = async (person: Person): Promise<string[]> => {
  const { body } = await ask(gateway, '/v1/access', { headers: await world.as(person) })
  return body.scopes.map(({ scope }: { scope: string }) => scope).sort()
}
const everybody = async () =>
  Object.fromEntries(await Promise.all(HOLDERS.map(async (each) => [ids[each], await scopesOf(each)])))
const without = (left: string[], right: string[]) => left.filter((each) => !right.includes(each))
const everything = () =>
  gateway.sql(`select (select jsonb_agg(r order by id) from roles r) as roles, (select jsonb_agg(m) from membership_roles m) as held,
    (select count(*)::int from audit_events where action like 'role.%') as events`)

interface Told {
  readonly user_id: string
  readonly gains: { readonly scopes: string[]; readonly routes: string[] }
  readonly loses: { readonly scopes: string[]; readonly routes: string[] }
}

/** Runs the dry run, checks that it changed nothing, makes the change, and compares the prediction with the outcome. */
async function saidAndDone(
  t: import('tap').Test,
  role: { id: string; version: number },
  method: 'PATCH' | 'DELETE',
  body?: unknown,
) {
  const before = await everybody()
  const rows = await everything()
  const said = await send(`/roles/${role.id}?dry_run=true`, method, body)
  t.strictSame(await everything(), rows, 'a dry run changes nothing and records no event')
  t.equal(said.body.dry_run, true)
  await send(`/roles/${role.id}`, method, body, `"${role.version}"`)
  const after = await everybody()
  const changed = Object.keys(before).filter((id) => JSON.stringify(before[id]) !== JSON.stringify(after[id]))
  const members: Told[] = said.body.members
  t.strictSame(members.map(({ user_id }) => user_id).sort(), changed.sort(), 'the affected members')
  for (const { user_id, gains, loses } of members) {
    t.strictSame(gains.scopes, without(after[user_id], before[user_id]), 'gained scopes')
    t.strictSame(loses.scopes, without(before[user_id], after[user_id]), 'lost scopes')
  }
  return members
}

t.test('200 a dry run lists who gains and loses which scopes and routes', async (t) => {
  const { body: role } = await send('/roles', 'POST', { name: 'Clerk', scopes: ['customers:edit', 'audit:view'] })
  await send(`/members/${ids.agent}`, 'PATCH', { roles: ['Agent', 'Clerk'] })
  await send(`/members/${ids.analyst}`, 'PATCH', { roles: ['Analyst', 'Clerk'] })
  await send(`/members/${ids.lead}`, 'PATCH', { roles: ['Clerk'] })
  await send(`/members/${ids.lead}/overrides/keys:manage`, 'PUT', { effect: 'deny', reason: 'test' })
  await send(`/members/${ids.analyst}/overrides/customers:edit`, 'PUT', { effect: 'grant', reason: 'test' })
  const told = await saidAndDone(t, role, 'PATCH', { scopes: ['keys:manage', 'audit:view'] })
  const of = (id: string) => told.find(({ user_id }) => user_id === id)
  const keys = ['GET /v1/tenants/:tenant_id/keys', 'POST /v1/tenants/:tenant_id/keys']
  t.match(of(ids.agent)?.gains.scopes, ['keys:manage'])
  t.strictSame(of(ids.agent)?.loses, { scopes: [], routes: [] }, 'the role Agent still grants customers:edit')
  for (const route of keys) t.ok(of(ids.agent)?.gains.routes.includes(route), route)
  t.strictSame(of(ids.analyst)?.loses, { scopes: [], routes: [] }, 'the override grants it too')
  t.strictSame(of(ids.lead)?.gains, { scopes: [], routes: [] }, 'the override still denies it')
  t.match(of(ids.lead)?.loses, {
    scopes: ['customers:edit'],
    routes: ['DELETE /v1/customers/:id', 'PATCH /v1/customers/:id', 'POST /v1/customers'],
  })
  t.strictSame(
    await saidAndDone(t, { id: role.id, version: 2 }, 'PATCH', { name: 'Renamed' }),
    [],
    'a new name changes no scope',
  )
  await saidAndDone(t, { id: role.id, version: 3 }, 'DELETE')
})

t.test('for any roles and overrides, the dry run predicts the effect of the change', async (t) => {
  const some = fc.subarray([...ALL_SCOPES])
  const member = fc.record({
    roles: fc.subarray(['Agent', 'Analyst', 'Support Lead']),
    has_it: fc.boolean(),
    denied: fc.subarray([...ALL_SCOPES], { maxLength: 2 }),
    granted: fc.subarray([...ALL_SCOPES], { maxLength: 2 }),
  })
  let round = 0
  await fc.assert(
    fc.asyncProperty(some, some, fc.array(member, { minLength: 3, maxLength: 3 }), async (first, second, members) => {
      round += 1
      const name = `Round ${round}`
      const { body: role } = await send('/roles', 'POST', { name, scopes: first })
      await gateway.sql(`delete from overrides where tenant_id = '${acme.id}'`)
      for (const [position, { roles, has_it, denied, granted }] of members.entries()) {
        const id = ids[HOLDERS[position] as (typeof HOLDERS)[number]]
        await send(`/members/${id}`, 'PATCH', { roles: has_it ? [...roles, name] : roles })
        for (const scope of granted)
          await send(`/members/${id}/overrides/${scope}`, 'PUT', { effect: 'grant', reason: 'x' })
        for (const scope of denied)
          await send(`/members/${id}/overrides/${scope}`, 'PUT', { effect: 'deny', reason: 'x' })
      }
      await saidAndDone(t, role, 'PATCH', { scopes: second })
      await saidAndDone(t, { id: role.id, version: 2 }, 'DELETE')
    }),
    { numRuns: 8 },
  )
})
