import { generateSigningKeys } from '../../../../src/kernel/config/secrets.js'
import { startGateway } from '../../../helpers/gateway.js'
import { ask } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld } from '../../../helpers/world.js'
import { startGatewayWith, trainingManifest } from '../services.js'

const TRAINING = 'training:view'
const BILLING = 'billing:view'
const training = trainingManifest('http://127.0.0.1:9')
const billing = training.replaceAll('training', 'billing')

const signing_keys = generateSigningKeys()
const without = await startGateway({ signing_keys })
const on = without.test_database
const with_training = await startGatewayWith(t, training, { signing_keys, on })
const with_billing = await startGatewayWith(t, billing, { signing_keys, on })
t.teardown(async () => {
  await with_training.close()
  await with_billing.close()
  await without.close()
})
const world = await buildWorld(without)
const tenant = `/v1/tenants/${world.acme.id}`
const owner = await world.as('owner')

// Two gateways in one process share their compiled schemas. A shared catalogue of scopes would leak between them.
t.test('two gateways of one process do not see the scopes of each other', async (t) => {
  for (const [gateway, own] of [
    [without, []],
    [with_training, [TRAINING]],
    [with_billing, [BILLING]],
    [without, []],
  ] as const) {
    const declared = [TRAINING, BILLING].filter((scope) => own.some((each) => each === scope))
    for (const scope of [TRAINING, BILLING]) {
      const expected = declared.includes(scope) ? 201 : 400
      const { status, text } = await ask(gateway, `${tenant}/keys`, {
        headers: owner,
        body: { name: scope, scopes: [scope] },
      })
      t.equal(status, expected, `${expected} a key with ${scope}: ${text}`)
    }
    const among = (scopes: { readonly scope: string }[]) =>
      [TRAINING, BILLING].filter((declared) => scopes.some(({ scope }) => scope === declared))
    t.same(among((await ask(gateway, '/v1/access', { headers: owner })).body.scopes), declared, 'of an Owner')
    t.same(among((await ask(gateway, `${tenant}/scopes`, { headers: owner })).body.data), declared, 'of the tenant')
    const { text } = await ask(gateway, '/openapi.json')
    t.same(
      [TRAINING, BILLING].filter((scope) => text.includes(scope)),
      declared,
      'scopes in the OpenAPI document',
    )
  }
})
