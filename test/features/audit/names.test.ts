import { verifyChain } from '../../../src/features/audit/chain.js'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { addMember } from '../../helpers/members.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const owner = await world.bearer('owner')
const operator = await world.bearer('operator')

const eventOf = async (action: string) =>
  (await ask(gateway, `${tenant}/audit-events?action=${action}&limit=1`, { headers: owner })).body.data[0]
const platformEventOf = async (action: string) =>
  (await ask(gateway, `/v1/platform/audit-events?action=${action}&limit=1`, { headers: operator })).body.data[0]
const change = async (method: string, path: string, body?: unknown, headers = owner) => {
  const answer = await ask(gateway, path, { method, headers, body })
  if (answer.status >= 300) throw new Error(answer.text)
  return answer.body
}

t.test('200 an event has the names of its actor and of a target that is a user or a key', async (t) => {
  const key = await change('POST', `${tenant}/keys`, { name: 'Nightly' })
  t.match(await eventOf('tenant_key.created'), {
    actor_kind: 'user',
    actor_name: 'The owner',
    target_id: key.id,
    target_name: 'Nightly',
  })
  await change('PATCH', `${tenant}/members/${ids.agent}`, { roles: ['Agent', 'Analyst'] })
  t.match(await eventOf('member.updated'), { actor_name: 'The owner', target_name: 'The agent' })
  const override = `${tenant}/members/${ids.agent}/overrides/agents:view`
  await change('PUT', override, { effect: 'grant', reason: 'x' })
  t.match(await eventOf('override.set'), { target_id: `${ids.agent}/agents:view`, target_name: 'The agent' })
  const lead = await world.as('lead')
  const { id } = await change('POST', '/v1/conversations', { title: 'Talk' }, lead)
  await change('POST', `/v1/conversations/${id}/members`, { user_id: ids.agent }, lead)
  t.match(await eventOf('conversation_member.added'), { actor_name: 'The lead', target_name: 'The agent' })
  t.match(await eventOf('conversation.created'), { actor_name: 'The lead', target_name: null })
  await change(
    'POST',
    '/v1/key/rotate',
    { overlap_seconds: 0 },
    { 'x-tenant-id': acme.id, 'x-tenant-api-key': key.key },
  )
  t.match(await eventOf('tenant_key.rotated'), { actor_kind: 'key', actor_name: 'Nightly', target_name: 'Nightly' })
})

t.test('200 a name is that of now, also of a member who was removed; a deleted user has none', async (t) => {
  const { id } = await makeUser(gateway, world)
  await addMember(gateway, acme.id, id, ['Agent'])
  await change('DELETE', `${tenant}/members/${id}`)
  t.match(await eventOf('member.removed'), { target_id: id, target_name: 'Somebody' })
  await gateway.sql(`update users set name = 'Renamed' where id = '${id}'`)
  t.match(await eventOf('member.removed'), { target_name: 'Renamed' })
  await gateway.sql(`delete from users where id = '${id}'`)
  t.match(await eventOf('member.removed'), { target_id: id, target_name: null })
})

// Attack: a tenant learns the names of strangers, or of the operators of the platform, from its audit.
t.test('200 operators and the gateway have the name of their kind, and strangers have none', async (t) => {
  await change('POST', `/v1/platform/tenants/${acme.id}/suspend`, { reason: 'test' }, operator)
  await change('POST', `/v1/platform/tenants/${acme.id}/activate`, undefined, operator)
  t.match(await eventOf('tenant.suspended'), { actor_kind: 'operator', actor_name: 'Platform operator' })
  await acme.store.write('role.created', (store) => store.roles.create({ name: 'By the system', scopes: [] }))
  t.match(await eventOf('role.created'), { actor_kind: 'system', actor_name: 'Gatehouse', target_name: null })
  const { id } = await makeUser(gateway, world)
  await change('POST', `${tenant}/members`, { user_id: id, roles: ['Agent'] })
  t.match(await eventOf('member.added'), { target_id: id, target_name: null }, 'a pending membership')
  const list = await ask(gateway, `${tenant}/audit-events`, { headers: owner })
  t.notMatch(list.text, /The operator/)
})

t.test('200 an id of an earlier release in another spelling has no name, and does not break the list', async (t) => {
  await gateway.sql(`update audit_events set target_id = 'urn:uuid:${ids.agent}' where action = 'member.updated'`)
  t.match(await eventOf('member.updated'), { target_name: null })
  await gateway.sql(`update audit_events set target_id = '${ids.agent}' where action = 'member.updated'`)
})

t.test(
  '200 operators see names of users with platform:users:view, and of keys with platform:tenants:view',
  async (t) => {
    t.match(await platformEventOf('tenant.suspended'), { actor_kind: 'operator', actor_name: 'The operator' })
    t.match(await platformEventOf('tenant_key.created'), { actor_name: 'The owner', target_name: 'Nightly' })
    await gateway.sql(`update operators set privileges = '{platform:audit:view,platform:tenants:view}'`)
    t.match(await platformEventOf('tenant.suspended'), { actor_name: 'Platform operator' })
    t.match(await platformEventOf('tenant_key.created'), { actor_name: null, target_name: 'Nightly' })
    t.match(await platformEventOf('member.updated'), { actor_name: null, target_name: null })
    await gateway.sql(`update operators set privileges = '{platform:audit:view}'`)
    t.match(await platformEventOf('tenant_key.created'), { actor_name: null, target_name: null })
  },
)

// An export is kept outside of the gateway, where no name can be erased, and its lines are what the digests cover.
t.test('200 an export holds no names in either format, and its chain can be verified', async (t) => {
  const exported = await ask(gateway, `${tenant}/audit-events/export`, { headers: owner })
  const lines = exported.text.trimEnd().split('\n')
  t.match(
    await verifyChain(
      (async function* () {
        yield* lines
      })(),
    ),
    { ok: true, is_whole: true, events: lines.length },
  )
  const csv = await ask(gateway, `${tenant}/audit-events/export?format=csv`, { headers: owner })
  const filtered = await ask(gateway, `${tenant}/audit-events/export?action=member.removed`, { headers: owner })
  for (const { text } of [exported, csv, filtered]) {
    t.notMatch(text, /actor_name|target_name|The owner|The agent|Renamed/)
  }
})
