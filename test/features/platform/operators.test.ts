import { ALL_PRIVILEGES } from '../../../src/contract/scopes.js'
import { systemOrigin } from '../../../src/kernel/store/audit-record.js'
import { signedIn } from '../../guards/example-people.js'
import { startGateway } from '../../helpers/gateway.js'
import { appoint as appointOver, makeOperator } from '../../helpers/operators.js'
import { ask, untilDecided } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, login } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const root = await world.bearer('operator')
const get = (path: string, headers = root) => ask(gateway, path, { headers })
const appoint = (user_id: string, privileges: unknown, headers = root) =>
  appointOver(gateway, headers, user_id, privileges)
const put = (user_id: string, privileges: unknown, headers: Record<string, string>) =>
  ask(gateway, `/v1/platform/operators/${user_id}`, { method: 'PUT', headers, body: { privileges } })
const dismiss = (user_id: string, headers = root) =>
  ask(gateway, `/v1/platform/operators/${user_id}`, { method: 'DELETE', headers })
const unlisted = { status: 403, body: { code: 'platform_access_denied' } }

// Attack: uses a removed privilege until the access token expires.
t.test('privileges are read at each request: a change applies at once to a token that is already issued', async (t) => {
  const { id, headers } = await signedIn(gateway, world)
  t.match(await get('/v1/platform/tenants', headers), unlisted)
  t.match(await appoint(id, ['platform:tenants:view']), { status: 200, body: { user_id: id } })
  t.equal((await get('/v1/platform/tenants', headers)).status, 200)
  t.match(await get('/v1/platform/users', headers), {
    ...unlisted,
    body: { ...unlisted.body, required: ['platform:users:view'], missing: ['platform:users:view'] },
  })
  await appoint(id, ['platform:users:view', 'platform:audit:view'])
  t.equal((await get('/v1/platform/tenants', headers)).status, 403)
  t.equal((await get('/v1/platform/users', headers)).status, 200)
  t.equal((await dismiss(id)).status, 204)
  t.match(await get('/v1/platform/users', headers), unlisted)
  t.equal((await dismiss(id)).status, 404)
  const events = await gateway.sql(`select action, changes from audit_events where target_id = '${id}'
    and target_kind = 'operator' order by seq`)
  t.match(events, [
    { action: 'operator.offered', changes: { before: null, after: { privileges: ['platform:tenants:view'] } } },
    { action: 'operator.accepted', changes: { before: { state: 'pending' }, after: { state: 'active' } } },
    { action: 'operator.updated', changes: { before: { privileges: ['platform:tenants:view'] } } },
    { action: 'operator.removed' },
  ])
})

t.test('each privilege opens its own routes and no other', async (t) => {
  const { id, headers } = await signedIn(gateway, world)
  const reads: Record<string, string> = {
    'platform:tenants:view': '/v1/platform/tenants',
    'platform:users:view': '/v1/platform/users',
    'platform:analytics:view': '/v1/platform/analytics/overview',
    'platform:audit:view': '/v1/platform/audit-events',
    'platform:operators:manage': '/v1/platform/operators',
  }
  for (const privilege of ALL_PRIVILEGES) {
    await appoint(id, [privilege])
    for (const [asked_for, path] of Object.entries(reads)) {
      t.equal((await get(path, headers)).status, asked_for === privilege ? 200 : 403, `${privilege}: ${path}`)
    }
  }
  await dismiss(id)
})

// Attack: an operator appoints an accomplice with more privileges than their own.
t.test('403 an operator cannot grant a privilege that they do not have', async (t) => {
  const { id, headers } = await signedIn(gateway, world)
  await appoint(id, ['platform:operators:manage', 'platform:users:view'])
  const wish = ['platform:users:view', 'platform:tenants:manage', 'platform:audit:view']
  t.match(await appoint(ids.stranger, wish, headers), {
    status: 403,
    body: { code: 'privilege_escalation', exceeding_scopes: ['platform:tenants:manage', 'platform:audit:view'] },
  })
  t.match(await appoint(id, ALL_PRIVILEGES, headers), { status: 403 }, 'also not to themselves')
  t.same(await gateway.sql(`select 1 from operators where user_id = '${ids.stranger}'`), [])
  t.equal((await appoint(ids.stranger, ['platform:users:view'], headers)).status, 200)
  t.equal((await dismiss(ids.stranger, headers)).status, 204)
  await dismiss(id)
})

// Attack: an operator with platform:users:manage enables a disabled accomplice who has more privileges.
t.test('403 enabling an operator is a grant of all their privileges', async (t) => {
  const [other, manager] = [await signedIn(gateway, world), await signedIn(gateway, world)]
  await appoint(other.id, ['platform:users:manage', 'platform:audit:view'])
  await appoint(manager.id, ['platform:users:manage'])
  const set = (state: string, headers = root) =>
    ask(gateway, `/v1/platform/users/${other.id}/${state}`, { method: 'POST', headers })
  t.equal((await set('disable', manager.headers)).status, 200)
  t.match(await set('enable', manager.headers), {
    status: 403,
    body: { code: 'privilege_escalation', exceeding_scopes: ['platform:audit:view'] },
  })
  t.equal((await set('enable')).status, 200)
  t.equal((await dismiss(other.id)).status, 204)
  t.equal((await dismiss(manager.id)).status, 204)
})

// Attack: a dismissed operator appoints an accomplice with a write that began before the dismissal.
t.test('401 403 an operator who was dismissed or logged out grants no privilege', async (t) => {
  const by = ({ id, session_id }: { id: string; session_id: string }) =>
    gateway.stores.platform(() => ({
      ...systemOrigin('test'),
      actor: { kind: 'operator', id },
      proof: { session_id, key_digest: null },
    }))
  const { id, headers } = await signedIn(gateway, world)
  const [session] = await gateway.sql(`select id from sessions where user_id = '${id}'`)
  const store = by({ id, session_id: String(session?.id) })
  const grant = () =>
    store.write('operator.offered', (writers) => writers.operators.offer(ids.stranger, ['platform:users:view']))
  await appoint(id, ['platform:operators:manage'])
  await t.rejects(grant(), { code: 'privilege_escalation' }, 'a privilege that the operator does not hold')
  await appoint(id, ['platform:users:view'])
  await t.rejects(grant(), { code: 'platform_access_denied' }, 'a demoted operator')
  await dismiss(id)
  await t.rejects(grant(), { code: 'platform_access_denied' }, 'a dismissed operator')
  await appoint(id, ALL_PRIVILEGES)
  await ask(gateway, '/v1/auth/logout', { method: 'POST', headers })
  await t.rejects(grant(), { code: 'invalid_token' }, 'an ended session')
  await dismiss(id)
})

t.test('400 an unknown privilege, 404 an unknown user', async (t) => {
  for (const privileges of [
    [],
    ['customers:edit'],
    ['platform:*'],
    ['platform:users:view '],
    ['PLATFORM:USERS:VIEW'],
    ['__proto__'],
    ['platform:users:view', 'platform:users:view'],
    'platform:users:view',
    null,
    [null],
  ]) {
    t.equal((await appoint(ids.stranger, privileges)).status, 400, JSON.stringify(privileges))
  }
  for (const id of ['00000000-0000-4000-8000-000000000000', 'x', '__proto__']) {
    t.match(await appoint(id, ['platform:users:view']), { status: 404, body: { code: 'not_found' } }, id)
    t.equal((await dismiss(id)).status, 404, id)
  }
  t.equal((await dismiss(ids.stranger)).status, 404, 'a user who is not an operator')
})

// The platform must always have an operator who can appoint others.
t.test('409 the last operator who can appoint cannot be dismissed, demoted or disabled', async (t) => {
  const last = { status: 409, body: { code: 'last_operator' } }
  t.match(await dismiss(ids.operator), last)
  t.match(await appoint(ids.operator, ['platform:users:view']), last)
  t.match(await ask(gateway, `/v1/platform/users/${ids.operator}/disable`, { method: 'POST', headers: root }), last)
  const { id } = await signedIn(gateway, world)
  await appoint(id, ['platform:operators:manage'])
  await gateway.sql(`update users set disabled_at = now() where id = '${id}'`)
  t.match(await dismiss(ids.operator), last, 'a disabled operator does not count')
  await gateway.sql(`delete from operators where user_id = '${id}'`)
  t.equal((await get('/v1/platform/operators')).status, 200)
})

t.test('60 concurrent requests that remove the last two operators leave exactly one who can appoint', async (t) => {
  const other = await signedIn(gateway, world)
  await appoint(other.id, ALL_PRIVILEGES)
  const statuses = await Promise.all(
    Array.from({ length: 60 }, async (_, number) => {
      const [victim, by] = number % 2 === 0 ? [ids.operator, other.headers] : [other.id, root]
      const send = () => {
        if (number % 3 === 0) return dismiss(victim, by)
        // An offer to a victim who was dismissed before stays an offer.
        if (number % 3 === 1) return put(victim, ['platform:users:view'], by)
        return ask(gateway, `/v1/platform/users/${victim}/disable`, { method: 'POST', headers: by })
      }
      return (await untilDecided(send)).status
    }),
  )
  const left = await gateway.sql(`select o.user_id from operators o join users u on u.id = o.user_id
    where u.disabled_at is null and 'platform:operators:manage' = any (o.privileges)`)
  t.equal(left.length, 1)
  const known = [200, 204, 401, 403, 404, 409]
  t.same(
    statuses.filter((status) => !known.includes(status)),
    [],
  )
  await gateway.sql(`update users set disabled_at = null where id = '${ids.operator}'`)
  await gateway.sql(`delete from operators`)
  await makeOperator(gateway, ids.operator)
})

// Attack: uses the credentials of a tenant on the platform, or those of an operator in a tenant.
t.test(
  '401 403 credentials of a tenant give no access to the platform, and those of an operator none to a tenant',
  async (t) => {
    const fresh = await signedInAgain()
    const integration = keyHeaders({ id: acme.id, key: acme.integration_key })
    for (const path of ['tenants', 'users', 'operators', 'audit-events', 'analytics/overview', `tenants/${acme.id}`]) {
      const url = `/v1/platform/${path}`
      t.match(await get(url, integration), { status: 401, body: { code: 'authentication_required' } }, path)
      t.match(await get(url, await world.as('owner')), unlisted, path)
      t.equal((await get(url, { ...fresh, ...integration })).status, 200, `${path}: the key headers have no effect`)
    }
    const denied = { status: 403, body: { code: 'tenant_access_denied' } }
    for (const path of ['/v1/customers', '/v1/access'])
      t.match(await get(path, { ...fresh, ...keyHeaders(acme) }), denied)
    t.match(await get('/v1/customers', { ...fresh, ...integration }), denied, 'also not with a key that has the scope')
    for (const path of ['', '/keys', '/members', '/audit-events', '/usage']) {
      t.match(await get(`/v1/tenants/${acme.id}${path}`, fresh), denied, path)
    }
  },
)

/** The race in the test above may have revoked the sessions of the operator. */
async function signedInAgain(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await login(gateway, 'operator')).access}` }
}
