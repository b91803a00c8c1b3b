import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')
const keys = `/v1/tenants/${world.acme.id}/keys`

// A client that sends a reason believes that the audit keeps it.
t.test('400 a route that takes no body refuses fields instead of dropping them', async (t) => {
  const { body: key } = await ask(gateway, keys, { headers: owner, body: { name: 'Revoked' } })
  const path = `${keys}/${key.id}`
  for (const [body, pointer] of [
    [{ reason: 'leaked' }, '/reason'],
    [{ 'a/b': 1 }, '/a~1b'],
    [['reason'], ''],
    ['reason', ''],
    [7, ''],
  ] as const) {
    const answer = await ask(gateway, path, { method: 'DELETE', headers: owner, body })
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer }] } }, JSON.stringify(body))
  }
  t.equal((await ask(gateway, '/v1/auth/logout', { method: 'POST', headers: owner, body: { all: true } })).status, 400)
  t.equal((await ask(gateway, path, { headers: owner })).body.revoked_at, null, 'nothing was done')
  t.equal((await ask(gateway, path, { method: 'DELETE', headers: owner, body: {} })).status, 204, 'an empty object')
})

// Attack: a client without rights sends bodies to learn which routes exist and what they take.
t.test('401 403 a caller who may not call gets the same refusal with and without a body', async (t) => {
  const path = `${keys}/AAAAAAAAAAAA`
  const send = async (headers: Record<string, string>, body?: unknown) => {
    const answer = await ask(gateway, path, { method: 'DELETE', headers, body })
    return [answer.status, answer.body.code]
  }
  for (const headers of [{}, await world.bearer('stranger'), await world.bearer('agent')]) {
    t.same(await send(headers, { reason: 'x' }), await send(headers))
  }
})

t.test('200 the reason of a disabled user is in the audit', async (t) => {
  const operator = await world.bearer('operator')
  const path = `/v1/platform/users/${world.ids.stranger}/disable`
  t.equal((await ask(gateway, path, { headers: operator, body: { reason: 'left the company' } })).status, 200)
  const [event] = await gateway.sql(`select changes from audit_events where action = 'user.disabled'`)
  t.match(event?.changes, { reason: 'left the company' })
})
