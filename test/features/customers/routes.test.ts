import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

t.test('403 the refusal of a key without a user names the missing scope', async (t) => {
  const answer = await ask(gateway, '/v1/customers', { headers: keyHeaders(world.acme) })
  t.equal(answer.status, 403)
  t.match(answer.body, {
    code: 'insufficient_scope',
    required: ['conversations:view'],
    missing: ['conversations:view'],
    principal: { kind: 'key' },
    granted_by_roles: ['Owner', 'Admin', 'Support Lead', 'Agent'],
  })
  t.match(answer.body.detail, /No user is signed in/)
})

t.test('200 a user with a tenant key sees the customers of the tenant', async (t) => {
  await world.createCustomer()
  const answer = await ask(gateway, '/v1/customers', { headers: await world.as('agent') })
  t.equal(answer.status, 200, answer.text)
  t.match(answer.body.data[0].name, /ACMEMARK/)
})
