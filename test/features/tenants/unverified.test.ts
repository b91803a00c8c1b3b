import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, login as loginAs } from '../../helpers/world.js'

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const EMAIL = 'ceo@bigcorp.test'
const body = { email: EMAIL, name: 'Attacker', password: 'a long password of an attacker' }
t.match(await ask(gateway, '/v1/auth/register', { body }), { status: 202 })
const login = async () => {
  const answer = await ask(gateway, '/v1/auth/login', { body: { email: EMAIL, password: body.password } })
  return { authorization: `Bearer ${answer.body.access}` }
}
const { id } = await until('the user exists', async () => {
  const [user] = (await gateway.sql(`select id from users where email = '${EMAIL}'`)) as { id: string }[]
  return user
})
const operator = await world.bearer('operator')
const owner = await world.bearer('owner')

// Attack: registers with the address of another person, never verifies it, and waits until somebody gives it rights.
t.test('409 an address that nobody verified becomes no Owner, operator or member, and makes no tenant', async (t) => {
  const unverified = { status: 409, body: { code: 'email_unverified' } }
  const tenant = { name: 'BigCorp', owner_email: EMAIL }
  t.match(await ask(gateway, '/v1/platform/tenants', { headers: operator, body: tenant }), unverified, 'by address')
  const by_id = { name: 'BigCorp', owner_id: id }
  t.match(await ask(gateway, '/v1/platform/tenants', { headers: operator, body: by_id }), unverified, 'by id')
  const appointment = { method: 'PUT', headers: operator, body: { privileges: ['platform:tenants:view'] } }
  t.match(await ask(gateway, `/v1/platform/operators/${id}`, appointment), unverified, 'operator')
  const member = { headers: owner, body: { user_id: id, roles: ['Agent'] } }
  t.match(await ask(gateway, `/v1/tenants/${world.acme.id}/members`, member), unverified, 'member')
  t.match(
    await ask(gateway, '/v1/tenants', { headers: await login(), body: { name: 'Mine' } }),
    unverified,
    'own tenant',
  )
  t.same(await gateway.sql(`select 1 from memberships where user_id = '${id}'`), [])

  await gateway.sql(`update users set email_verified_at = now() where id = '${id}'`)
  t.match(await ask(gateway, '/v1/platform/tenants', { headers: operator, body: tenant }), { status: 201 })
})

t.test('403 with ALLOW_TENANTS=false users create no tenants, and operators do', async (t) => {
  const closed = await startGateway({ env: { ALLOW_TENANTS: 'false' }, on: gateway.test_database })
  t.teardown(() => closed.close())
  const signedIn = async (person: 'agent' | 'operator') => ({
    authorization: `Bearer ${(await loginAs(closed, person)).access}`,
  })
  const refused = await ask(closed, '/v1/tenants', { headers: await signedIn('agent'), body: { name: 'Mine' } })
  t.match(refused, { status: 403, body: { code: 'tenant_creation_disabled' } })
  const made = { headers: await signedIn('operator'), body: { name: 'Ours', owner_id: world.ids.agent } }
  t.equal((await ask(closed, '/v1/platform/tenants', made)).status, 201)
})
