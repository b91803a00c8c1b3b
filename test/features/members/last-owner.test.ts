import { startGateway } from '../../helpers/gateway.js'
import { ask, untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const patch = async (user_id: string, body: unknown, person: Person = 'owner') =>
  ask(gateway, `/v1/tenants/${acme.id}/members/${user_id}`, {
    method: 'PATCH',
    headers: await world.bearer(person),
    body,
  })
const activeOwners = async (): Promise<string[]> => {
  const rows = await gateway.sql(`
    select m.user_id from memberships m join membership_roles mr using (tenant_id, user_id)
    join roles r on r.tenant_id = mr.tenant_id and r.id = mr.role_id join users u on u.id = m.user_id
    where m.tenant_id = '${acme.id}' and m.state = 'active' and r.system_role = 'owner' and u.disabled_at is null`)
  return rows.map(({ user_id }) => String(user_id))
}

t.test('409 the last Owner stays: a change of roles or state cannot remove the last one', async (t) => {
  for (const change of [
    { roles: ['Admin'] },
    { roles: [] },
    { state: 'disabled' },
    { roles: ['Admin'], state: 'disabled' },
  ]) {
    t.match(await patch(ids.owner, change), { status: 409, body: { code: 'last_owner' } }, JSON.stringify(change))
    t.same(await activeOwners(), [ids.owner])
  }
  t.equal((await patch(ids.owner, { roles: ['Owner', 'Agent'] })).status, 200, 'a change that keeps the Owner role')
})

t.test('409 an Owner who is disabled or pending does not count', async (t) => {
  t.equal((await patch(ids.agent, { roles: ['Owner'] })).status, 200)
  for (const [arrange, undo] of [
    [
      `update memberships set state = 'disabled' where user_id = '${ids.agent}'`,
      `update memberships set state = 'active' where user_id = '${ids.agent}'`,
    ],
    [
      `update memberships set state = 'pending', accepted_at = null where user_id = '${ids.agent}'`,
      `update memberships set state = 'active', accepted_at = now() where user_id = '${ids.agent}'`,
    ],
    [
      `update users set disabled_at = now() where id = '${ids.agent}'`,
      `update users set disabled_at = null where id = '${ids.agent}'`,
    ],
  ] as const) {
    await gateway.sql(arrange)
    t.match(await patch(ids.owner, { roles: [] }), { status: 409, body: { code: 'last_owner' } }, arrange)
    await gateway.sql(undo)
  }
  t.equal((await patch(ids.agent, { roles: ['Agent'] })).status, 200)
})

// Two concurrent removals must not each count the Owner that the other removes.
t.test('200 409 of 50 concurrent requests that remove the last two Owners, exactly one Owner is left', async (t) => {
  // The users log in first, because 50 concurrent logins exceed the hashing queue.
  await Promise.all([world.bearer('owner'), world.bearer('agent')])
  for (let round = 0; round < 3; round += 1) {
    const [first] = await activeOwners()
    const one: Person = first === ids.owner ? 'owner' : 'agent'
    const other: Person = one === 'owner' ? 'agent' : 'owner'
    t.equal((await patch(ids[other], { roles: ['Owner'] }, one)).status, 200, 'two Owners')
    t.equal((await activeOwners()).length, 2)
    const tries = Array.from({ length: 50 }, (_, number) => {
      const change = number % 4 < 2 ? { roles: ['Admin'] } : { state: 'disabled' }
      const victim = number % 2 === 0 ? 'owner' : 'agent'
      return untilDecided(() => patch(ids[victim], change, number % 3 === 0 ? 'owner' : 'agent'))
    })
    const answers = await Promise.all(tries)
    t.equal((await activeOwners()).length, 1, 'exactly one Owner is left')
    t.ok(answers.some(({ status }) => status === 200))
    const refused = answers.filter(({ status }) => status !== 200).map(({ body }) => body.code)
    const known = ['last_owner', 'owner_required', 'tenant_access_denied', 'privilege_escalation']
    t.same(
      [...new Set(refused)].filter((code) => !known.includes(code)),
      [],
    )
    await gateway.sql(`update memberships set state = 'active' where tenant_id = '${acme.id}' and state = 'disabled'`)
    const [left, another] = await activeOwners()
    const person: Person = left === ids.owner ? 'owner' : 'agent'
    if (another !== undefined) await patch(another, { roles: ['Agent'] }, person)
    t.same(await activeOwners(), [left], 'one Owner before the next round')
  }
})
