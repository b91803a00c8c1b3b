import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { ids, acme } = world
const { call, open, get, patch, add, remove, setRole, keyWith } = conversationCalls(gateway, world)
const REFUSED = { status: 403, body: { code: 'conversation_role_required' } }
const rolesIn = async (id: string): Promise<Record<string, string>> => {
  const rows = await gateway.sql(`select user_id, role from conversation_members where conversation_id = '${id}'`)
  return Object.fromEntries(rows.map(({ user_id, role }) => [String(user_id), String(role)]))
}

t.test('201 the creator is owner; members are added, listed, changed and removed', async (t) => {
  const { id } = await open()
  const added = await add('lead', id, ids.agent)
  t.match(added, { status: 201, body: { user_id: ids.agent, name: 'The agent', role: 'member', read_seq: 0 } })
  t.match(await add('lead', id, ids.agent), { status: 409, body: { conflicting_field: 'user_id' } })
  const list = await call('agent', 'GET', `/v1/conversations/${id}/members`)
  t.same(
    list.body.data.map((each: { user_id: string; role: string }) => [each.user_id, each.role]).sort(),
    [
      [ids.lead, 'owner'],
      [ids.agent, 'member'],
    ].sort(),
  )
  const page = await call('agent', 'GET', `/v1/conversations/${id}/members?limit=1`)
  t.match(page.body, { data: { length: 1 }, next_cursor: String })
  t.match(await setRole('lead', id, ids.agent, 'moderator'), { status: 200, body: { role: 'moderator' } })
  t.equal((await remove('lead', id, ids.agent)).status, 204)
  t.equal((await remove('lead', id, ids.agent)).status, 404)
  t.equal((await setRole('lead', id, ids.agent, 'member')).status, 404)
})

t.test('400 only an active member of the tenant can be added; all other users share one error', async (t) => {
  const { id } = await open()
  const answers = []
  for (const user_id of [ids.other_owner, ids.stranger, ids.pending, ids.disabled, ids.operator]) {
    const answer = await add('lead', id, user_id)
    t.equal(answer.status, 400, answer.text)
    answers.push(JSON.stringify(answer.body.errors))
  }
  t.equal(new Set(answers).size, 1)
  t.match(await add('lead', id, ids.agent, 'admin'), { status: 400 })
})

// Attack: takes over a conversation with a role that does not allow it.
t.test('403 each role can do only its part: owner, moderator, member, non-member', async (t) => {
  const { id } = await open({}, 'owner')
  await add('owner', id, ids.admin, 'moderator')
  await add('owner', id, ids.lead, 'member')

  // A member with `conversations:edit`, and a non-member, cannot change anything here.
  for (const role of ['member', 'none'] as const) {
    if (role === 'none') await remove('owner', id, ids.lead)
    t.match(await add('lead', id, ids.agent), REFUSED, role)
    t.match(await patch('lead', id, { title: 'Mine now' }), REFUSED)
    t.match(await patch('lead', id, { visibility: 'members' }), REFUSED)
    t.match(await setRole('lead', id, ids.admin, 'member'), REFUSED)
    t.match(await remove('lead', id, ids.admin), REFUSED)
    t.match(await remove('lead', id, ids.owner), REFUSED)
  }
  await add('owner', id, ids.lead, 'member')
  t.match(await setRole('lead', id, ids.lead, 'owner'), REFUSED, 'a member cannot change their own role')

  // A moderator adds, removes and renames, but cannot change an owner.
  t.equal((await add('admin', id, ids.agent)).status, 201)
  t.equal((await setRole('admin', id, ids.agent, 'moderator')).status, 200)
  t.equal((await setRole('admin', id, ids.agent, 'member')).status, 200)
  t.equal((await patch('admin', id, { title: 'Renamed' })).status, 200)
  t.equal((await remove('admin', id, ids.agent)).status, 204)
  t.match(await add('admin', id, ids.agent, 'owner'), REFUSED)
  t.match(await setRole('admin', id, ids.lead, 'owner'), REFUSED)
  t.match(await setRole('admin', id, ids.admin, 'owner'), REFUSED)
  t.match(await setRole('admin', id, ids.owner, 'member'), REFUSED)
  t.match(await remove('admin', id, ids.owner), { ...REFUSED, body: { required_roles: ['owner'] } })
  t.match(await patch('admin', id, { visibility: 'members' }), REFUSED)
  t.equal((await rolesIn(id))[ids.owner], 'owner')

  // An owner can do all of it.
  t.equal((await setRole('owner', id, ids.admin, 'owner')).status, 200)
  t.equal((await patch('owner', id, { visibility: 'members' })).status, 200)
  t.equal((await remove('admin', id, ids.owner)).status, 204, 'an owner removes an owner')
  t.match(await get('owner', id), { status: 404 }, 'the tenant Owner without membership in the conversation')
})

// Attack: uses a role after it was removed.
t.test('403 a demotion is in force at the next request', async (t) => {
  const { id } = await open({}, 'owner')
  await add('owner', id, ids.admin, 'owner')
  await add('owner', id, ids.agent)
  t.equal((await patch('admin', id, { visibility: 'members' })).status, 200)
  t.equal((await setRole('owner', id, ids.admin, 'moderator')).status, 200)
  t.match(await patch('admin', id, { visibility: 'tenant' }), REFUSED, 'a former owner')
  t.equal((await patch('admin', id, { title: 'Of a moderator' })).status, 200)
  t.equal((await setRole('owner', id, ids.admin, 'member')).status, 200)
  t.match(await patch('admin', id, { title: 'Of nobody' }), REFUSED, 'a former moderator')
  t.match(await remove('admin', id, ids.agent), REFUSED)
  t.equal((await setRole('owner', id, ids.admin, 'moderator')).status, 200)
  t.equal((await remove('admin', id, ids.agent)).status, 204, 'a moderator again')
})

t.test('204 a member with the scope can leave; without the scope no role is enough', async (t) => {
  const { id } = await open({}, 'owner')
  await add('owner', id, ids.lead)
  t.equal((await remove('lead', id, ids.lead)).status, 204)
  await add('owner', id, ids.agent, 'moderator')
  t.match(await add('agent', id, ids.lead), { status: 403, body: { missing: ['conversations:edit'] } })
})

t.test('409 the last owner with an active membership cannot be removed or demoted', async (t) => {
  const { id } = await open()
  const LAST = { status: 409, body: { code: 'last_owner' } }
  t.match(await remove('lead', id, ids.lead), LAST)
  t.match(await setRole('lead', id, ids.lead, 'moderator'), LAST)
  await add('lead', id, ids.admin, 'owner')
  for (const [state, accepted_at] of [
    ['disabled', 'now()'],
    ['pending', 'null'],
  ] as const) {
    const set = (values: string) => gateway.sql(`update memberships set ${values} where user_id = '${ids.admin}'`)
    await set(`state = '${state}', accepted_at = ${accepted_at}`)
    t.match(await remove('lead', id, ids.lead), LAST, state)
    await set(`state = 'active', accepted_at = now()`)
  }
  t.equal((await remove('lead', id, ids.lead)).status, 204)
  t.same(await rolesIn(id), { [ids.admin]: 'owner' })
})

// Two concurrent removals must not each count the owner that the other removes.
t.test('of 40 concurrent requests that remove or demote the two owners, at least one owner is left', async (t) => {
  await Promise.all([world.as('lead'), world.as('admin')])
  for (let round = 0; round < 3; round += 1) {
    const { id } = await open()
    await add('lead', id, ids.admin, 'owner')
    const tries = Array.from({ length: 40 }, (_, number) => {
      const who = number % 2 === 0 ? 'lead' : 'admin'
      const whom = number % 4 < 2 ? ids.lead : ids.admin
      return untilDecided(() => (number % 8 < 4 ? remove(who, id, whom) : setRole(who, id, whom, 'member')))
    })
    const statuses = (await Promise.all(tries)).map(({ status }) => status)
    t.ok(
      statuses.every((status) => [200, 204, 403, 404, 409].includes(status)),
      String([...new Set(statuses)]),
    )
    const owners = Object.values(await rolesIn(id)).filter((role) => role === 'owner')
    t.ok(owners.length >= 1, `${owners.length} owners`)
  }
})

t.test('409 a conversation has at most 500 members', async (t) => {
  const { id } = await open()
  await gateway.sql(`
    create temporary table crowd as select gen_random_uuid() as id, number from generate_series(1, 499) as number;
    insert into users (id, email, name, password_hash, created_at) select id, 'crowd' || number || '@people.example', 'Crowd', '', now() from crowd;
    insert into memberships select '${acme.id}', id, 'active', now(), now() from crowd;
    insert into conversation_members select '${acme.id}', '${id}', id, 'member', now() from crowd;
    drop table crowd`)
  t.match(await add('lead', id, ids.agent), { status: 409, body: { code: 'limit_reached' } })
})

// A conversation must not be left without a member who can change it.
t.test('a moderator can become owner after the owner left the tenant', async (t) => {
  const { id } = await open({ visibility: 'members' }, 'owner')
  await add('owner', id, ids.admin, 'moderator')
  await gateway.sql(
    `update conversation_members set user_id = '${ids.disabled}' where role = 'owner' and conversation_id = '${id}'`,
  )
  t.match(await get('lead', id), { status: 404 }, 'a scope alone gives no access')
  t.equal((await setRole('admin', id, ids.admin, 'owner')).status, 200)
})

t.test('a key creates conversations and adds members, and has no access to private conversations', async (t) => {
  const key = await keyWith('conversations:view', 'conversations:edit')
  const opened = await call(key, 'POST', '/v1/conversations', { title: 'By a key' })
  t.match(opened, { status: 201, body: { my_role: null, unread_count: null } })
  const { id } = opened.body
  t.same(await rolesIn(id), {})
  t.equal((await add(key, id, ids.agent)).status, 201)
  t.equal((await add(key, id, ids.lead, 'owner')).status, 201, 'a key adds the first owner')
  t.match(await add(key, id, ids.admin, 'owner'), REFUSED, 'a key cannot add another owner')
  t.match(await remove(key, id, ids.lead), REFUSED)
  t.equal((await remove(key, id, ids.agent)).status, 204)
  t.match(await call(key, 'POST', '/v1/conversations', { title: 'x', visibility: 'members' }), {
    status: 400,
    body: { errors: [{ pointer: '/visibility' }] },
  })
  t.match(await patch(key, (await open({}, key)).id, { visibility: 'members' }), { status: 400 })
  t.match(await call(key, 'PUT', `/v1/conversations/${id}/read`, { seq: 1 }), {
    status: 403,
    body: { code: 'user_required' },
  })
})
