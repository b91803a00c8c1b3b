import { generateSigningKeys } from '../../../../src/kernel/config/secrets.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../../helpers/world.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

const service = await startService()
const signing_keys = generateSigningKeys()
const gateway = await startGatewayWith(t, trainingManifest(service.origin), { signing_keys })
t.teardown(async () => {
  await gateway.close()
  await service.close()
})
const world = await buildWorld(gateway)
const owner = await world.as('owner')

t.test('200 a declared route is forwarded, with method, path, query and body unchanged', async (t) => {
  const answer = await ask(gateway, '/training/sessions/a%20b?x=1&y=%2F', { headers: owner })
  t.equal(answer.status, 200, answer.text)
  t.match(answer.body, { method: 'GET', url: '/sessions/a%20b?x=1&y=%2F', body: '' })
  const posted = await ask(gateway, '/training/start', { headers: owner, body: { epochs: 3 } })
  t.match(posted.body, { method: 'POST', url: '/start', body: '{"epochs":3}', headers: { 'content-length': '12' } })
  t.notOk(posted.body.headers['transfer-encoding'])
})

t.test('200 the gateway replaces the prefix by rewrite, and only at the start of the path', async (t) => {
  const rewritten = trainingManifest(service.origin, '    rewrite: /internal/v2\n')
  const other = await startGatewayWith(t, rewritten, { on: gateway.test_database, signing_keys })
  t.teardown(() => other.close())
  const answer = await ask(other, '/training/sessions/training?x=/training', { headers: owner })
  t.match(answer.body, { method: 'GET', url: '/internal/v2/sessions/training?x=/training' })
})

t.test('403 a key without a user and a role without the scope get no access', async (t) => {
  const before = service.asked.length
  const alone = await ask(gateway, '/training/status', { headers: keyHeaders(world.acme) })
  t.match(alone.body, { code: 'insufficient_scope', missing: ['training:view'], granted_by_roles: ['Owner', 'Admin'] })
  t.equal((await ask(gateway, '/training/status', { headers: await world.as('analyst') })).status, 403)
  t.equal((await ask(gateway, '/training/status')).body.code, 'tenant_credentials_required')
  t.equal((await ask(gateway, '/training/nothing')).body.code, 'not_found')
  const other = await ask(gateway, '/training/status', { method: 'DELETE' })
  t.equal(other.status, 405)
  t.equal(other.headers.get('allow'), 'GET, HEAD')
  t.equal(service.asked.length, before, 'the upstream received no request')
})
