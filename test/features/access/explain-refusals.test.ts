import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, emailOf, keyHeaders, type Person } from '../../helpers/world.js'

const gateway_keys = generateSigningKeys()
const gateway = await startGateway({ signing_keys: gateway_keys })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const explain = async (body: unknown, person: Person = 'owner', tenant_id = acme.id) =>
  ask(gateway, `/v1/tenants/${tenant_id}/access/explain`, { headers: await world.bearer(person), body })
let sent = 0
/** Sends a request with an id of its own. @returns its id and the response */
const send = async (path: string, headers: Record<string, string>, request_id = `refused.${++sent}`) => {
  const answer = await ask(gateway, path, { headers: { ...headers, 'x-request-id': request_id } })
  return { request_id, answer }
}
t.test('200 a request id gives the words of the 403, and next to them what would be decided now', async (t) => {
  const { request_id, answer } = await send(`${tenant}/keys`, await world.bearer('agent'))
  t.equal(answer.body.code, 'insufficient_scope')
  const { status, body } = await explain({ request_id })
  t.equal(status, 200)
  const { detail, title, code, required, missing, denied_by_override, granted_by_roles } = answer.body
  t.match(body.recorded, {
    ...{ request_id, code, status: 403, title, detail, count: 1 },
    ...{ required, missing, denied_by_override, granted_by_roles, violated_policies: [] },
    route: 'GET /v1/tenants/:tenant_id/keys',
    principal: { kind: 'user', id: ids.agent },
    at: /Z$/,
  })
  const now = await explain({ user_id: ids.agent, method: 'GET', path: `${tenant}/keys` })
  t.same(body.now, now.body, 'the explanation of this moment')
  t.equal(body.detail, `Refused with insufficient_scope: ${detail} Now: ${now.body.detail}`)

  await gateway.sql(
    `insert into overrides values ('${acme.id}', '${ids.agent}', 'keys:manage', 'grant', 'test', now())`,
  )
  const later = (await explain({ request_id })).body
  t.match(later.recorded, { detail, missing }, 'the record stays')
  t.match(later.now, { allowed: true }, 'the decision of now changes')
  await gateway.sql(`delete from overrides where user_id = '${ids.agent}'`)
})

t.test('200 a refusal that was written is read from the audit, with its event', async (t) => {
  const mine = await startGateway({ on: gateway.test_database, signing_keys: gateway_keys })
  const headers = { ...(await world.bearer('analyst')), 'x-request-id': 'written.1' }
  const refused = await ask(mine, `${tenant}/keys`, { headers })
  t.equal(refused.status, 403)
  await mine.close()
  const { body } = await explain({ request_id: 'written.1' })
  t.match(body.recorded, { detail: refused.body.detail, missing: refused.body.missing, count: 1 })
  const events = await ask(gateway, `${tenant}/audit-events?request_id=written.1`, {
    headers: await world.bearer('owner'),
  })
  t.equal(body.recorded.event_id, events.body.data[0].id)
  t.match(events.body.data[0].changes, { detail: refused.body.detail, missing: ['keys:manage'] })
})

t.test('200 the refusal of a key, of an address and of a suspended tenant are explained with the key', async (t) => {
  const key = await send('/v1/customers', keyHeaders(acme))
  const key_id = acme.key.slice(4, 16)
  t.match((await explain({ request_id: key.request_id })).body, {
    recorded: { code: 'insufficient_scope', principal: { kind: 'key', id: key_id }, key_id },
    now: { allowed: false, missing: ['conversations:view'], principal: { kind: 'key', id: key_id } },
  })
  const home = await acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'At home', scopes: ['conversations:view'], allowed_cidrs: ['192.0.2.0/24'] }),
  )
  const away = await send('/v1/customers', keyHeaders({ id: acme.id, key: home.key }))
  t.match((await explain({ request_id: away.request_id })).body, {
    recorded: { code: 'address_not_allowed', principal: { kind: 'anonymous', id: null }, key_id: home.record.id },
    now: { allowed: false, refused_before: 'address_not_allowed', detail: /192\.0\.2\.0\/24/ },
  })
  await gateway.sql(`update tenants set suspended_at = now() where id = '${acme.id}'`)
  const suspended = await send('/v1/customers', await world.as('agent'))
  await gateway.sql(`update tenants set suspended_at = null where id = '${acme.id}'`)
  t.match((await explain({ request_id: suspended.request_id })).body, {
    recorded: { code: 'tenant_suspended', detail: suspended.answer.body.detail },
    now: { allowed: true, principal: { kind: 'user', id: ids.agent } },
  })
})

t.test('200 without a caller or a membership, the answer says why nothing is decided now', async (t) => {
  const gone = await send('/v1/customers', await world.as('stranger'))
  const { body } = await explain({ request_id: gone.request_id })
  t.match(body, { recorded: { code: 'tenant_access_denied' }, now: null })
  t.match(body.detail, /Now: refused with tenant_access_denied\. The user is not a member of this tenant\.$/)
})

t.test('200 every member may ask about their own refusals', async (t) => {
  // The refusal of the first test. A similar one within 10 s would only be counted.
  t.match(await explain({ request_id: 'refused.1' }, 'agent'), {
    status: 200,
    body: { recorded: { principal: { id: ids.agent } } },
  })
})

// Attack: a member tries request ids to learn what others were refused.
t.test(
  '404 a refusal of others, of another tenant, and of an unknown id are one response, which says why',
  async (t) => {
    const { request_id } = await send(`${tenant}/keys`, await world.bearer('analyst'), 'other.1')
    const theirs = await send(`/v1/tenants/${globex.id}/keys`, await world.bearer('agent'), 'elsewhere.1')
    t.equal(theirs.answer.status, 403)
    const texts = new Set<string>()
    for (const [id, person] of [
      [request_id, 'agent'],
      ['elsewhere.1', 'agent'],
      ['never-sent', 'agent'],
      ['never-sent', 'owner'],
      ['elsewhere.1', 'owner'],
    ] as const) {
      const answer = await explain({ request_id: id }, person)
      t.match(answer, { status: 404, body: { code: 'not_found' } }, `${id} ${person}`)
      t.match(answer.body.detail, /similar refusal came within the 10 s before it/)
      texts.add(answer.text.replace(answer.body.request_id, ''))
    }
    t.equal(texts.size, 1)
    t.equal((await explain({ request_id })).status, 200, 'a member with users:manage sees it')
  },
)

t.test('404 of similar refusals within 10 s, the first id is known and the others are counted', async (t) => {
  const headers = await world.bearer('lead')
  for (const id of ['similar.1', 'similar.2', 'similar.3']) await send(`${tenant}/keys`, headers, id)
  const first = await explain({ request_id: 'similar.1' })
  if (first.body.recorded?.event_id === null) {
    t.equal(first.body.recorded.count, 3)
    t.equal((await explain({ request_id: 'similar.3' })).status, 404)
  }
})

t.test('400 a question that asks about two things, or about nothing', async (t) => {
  const path = '/v1/customers'
  for (const [body, pointers] of [
    [{ request_id: 'a', method: 'GET', path }, ['/method', '/path']],
    [{ request_id: 'a', user_id: ids.agent }, ['/user_id']],
    [{}, ['/method', '/path']],
    [{ method: 'GET' }, ['/path']],
    [{ user_id: ids.agent, email: emailOf('agent'), method: 'GET', path }, ['/email']],
    [{ key_id: acme.integration_key_id, email: emailOf('agent'), method: 'GET', path }, ['/key_id']],
    [{ email: 'x', method: 'GET', path }, ['/email']],
    [{ request_id: 'a b' }, ['/request_id']],
  ] as const) {
    const answer = await explain(body)
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(body))
    t.same(
      answer.body.errors.map(({ pointer }: { pointer: string }) => pointer),
      pointers,
    )
  }
})

t.test('200 a member is named by email in place of the id', async (t) => {
  const question = { method: 'GET', path: '/v1/customers' }
  for (const person of ['agent', 'analyst', 'disabled'] as const) {
    const by_email = await explain({ ...question, email: emailOf(person).toUpperCase() })
    t.same(by_email.body, (await explain({ ...question, user_id: ids[person] })).body, person)
  }
  t.equal((await explain({ ...question, email: emailOf('agent') }, 'agent')).status, 200, 'their own email')
})

// Attack: asks about addresses to learn who has a user, who is a member, and who was invited.
t.test('404 403 an email tells of no user beyond the members', async (t) => {
  const question = { method: 'GET', path: '/v1/customers' }
  for (const [person, code] of [
    ['owner', 'not_found'],
    ['agent', 'insufficient_scope'],
  ] as const) {
    const texts = new Set<string>()
    for (const email of [emailOf('stranger'), emailOf('pending'), emailOf('other_owner'), 'nobody@people.example']) {
      const answer = await explain({ ...question, email }, person)
      t.equal(answer.body.code, code, email)
      texts.add(answer.text.replace(answer.body.request_id, ''))
    }
    t.equal(texts.size, 1, person)
  }
  t.match(await explain({ ...question, email: emailOf('lead') }, 'agent'), { status: 403 })
})
