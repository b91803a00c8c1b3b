import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { joinTenant } from '../../helpers/members.js'
import { appoint } from '../../helpers/operators.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders, PASSWORD } from '../../helpers/world.js'

/** The gateway loads the facts of a caller again after a body that took longer than 250 ms. */
const OLDER_MS = 300

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const owner = await world.as('owner')
const tenant = `/v1/tenants/${acme.id}`

/** Sends the head and the start of a body. @returns a function that sends the rest and returns status and response */
async function begin(method: string, path: string, headers: Record<string, string>, body: object) {
  const { hostname, port } = new URL(gateway.url)
  const whole = JSON.stringify(body)
  const more = {
    host: 'x',
    connection: 'close',
    'content-type': 'application/json',
    'content-length': `${whole.length}`,
  }
  const lines = Object.entries({ ...headers, ...more }).map((line) => `${line.join(': ')}\r\n`)
  const socket = connect(Number(port), hostname)
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${whole.slice(0, 5)}`)
  // The facts must become too old while the body arrives.
  await sleep(OLDER_MS)
  return async () => {
    socket.write(whole.slice(5))
    const answer = await text(socket)
    return { status: Number(answer.slice(9, 12)), text: answer }
  }
}

async function newAdmin() {
  const user = await makeUser(gateway, world)
  await joinTenant(gateway, owner, acme.id, { user_id: user.id, roles: ['Admin'] })
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email: user.email, password: PASSWORD } })
  return { ...user, headers: { authorization: `Bearer ${body.access}` } }
}

/** A key that may edit customers. */
async function newKey() {
  const body = { name: 'Key', scopes: ['customers:edit'] }
  const { body: made } = await ask(gateway, `${tenant}/keys`, { headers: owner, body })
  return { headers: keyHeaders({ id: acme.id, key: made.key }), path: `${tenant}/keys/${made.id}` }
}

// Attack: an admin starts a request that makes them a member, is removed, and then sends the rest of the body.
t.test('403 an admin who is removed while the body arrives cannot add themselves again', async (t) => {
  const admin = await newAdmin()
  const finish = await begin('POST', `${tenant}/members`, admin.headers, { user_id: admin.id, roles: ['Admin'] })
  t.equal((await ask(gateway, `${tenant}/members/${admin.id}`, { method: 'DELETE', headers: owner })).status, 204)
  const answer = await finish()
  t.equal(answer.status, 403, answer.text)
  t.match(answer.text, /tenant_access_denied/)
  t.same(await gateway.sql(`select 1 from memberships where user_id = '${admin.id}'`), [])
})

t.test('401 the gateway creates no key for a user whose session is revoked while the body arrives', async (t) => {
  const admin = await newAdmin()
  const finish = await begin('POST', `${tenant}/keys`, admin.headers, { name: 'Made too late', scopes: [] })
  await ask(gateway, '/v1/auth/logout', { method: 'POST', headers: admin.headers })
  const answer = await finish()
  t.equal(answer.status, 401, answer.text)
  t.same(await gateway.sql(`select 1 from tenant_keys where name = 'Made too late'`), [])
})

t.test('401 a key that is revoked while the body arrives, and 403 a scope that is denied in that time', async (t) => {
  const { headers, path } = await newKey()
  const finish = await begin('POST', '/v1/customers', headers, { name: 'Ada' })
  await ask(gateway, path, { method: 'DELETE', headers: owner })
  t.equal((await finish()).status, 401)
  const agent = await begin('POST', '/v1/customers', await world.as('agent'), { name: 'Ada' })
  const override = `${tenant}/members/${ids.agent}/overrides/customers:edit`
  await ask(gateway, override, { method: 'PUT', headers: owner, body: { effect: 'deny', reason: 'a test' } })
  const answer = await agent()
  t.equal(answer.status, 403)
  t.match(answer.text, /insufficient_scope/)
  await ask(gateway, override, { method: 'DELETE', headers: owner })
})

t.test('403 an operator who is removed while the body arrives cannot appoint themselves again', async (t) => {
  const user = await makeUser(gateway, world)
  const operator = await world.bearer('operator')
  const privileges = ['platform:operators:manage']
  const path = `/v1/platform/operators/${user.id}`
  const appointed = await appoint(gateway, operator, user.id, privileges)
  t.ok(appointed.status < 300, appointed.text)
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email: user.email, password: PASSWORD } })
  const finish = await begin('PUT', path, { authorization: `Bearer ${body.access}` }, { privileges })
  t.equal((await ask(gateway, path, { method: 'DELETE', headers: operator })).status, 204)
  const answer = await finish()
  t.ok([401, 403].includes(answer.status), answer.text)
  t.same(await gateway.sql(`select 1 from operators where user_id = '${user.id}'`), [])
})

t.test('201 a slow body of a caller who keeps their rights, and the budget counts its request once', async (t) => {
  const { headers } = await newKey()
  const finish = await begin('POST', '/v1/customers', headers, { name: 'Ada Adeyemi' })
  t.equal((await finish()).status, 201)
  const { body } = await ask(gateway, '/v1/key', { headers })
  t.equal(body.secrets[0].requests, 2, 'the slow request and this one')
})
