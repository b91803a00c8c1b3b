import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const warnings = (lines: readonly string[]) => lines.filter((line) => line.includes('TRUST_PROXY is not set')).length

t.test('a proxy that TRUST_PROXY does not name is told once', async (t) => {
  const gateway = await startGateway()
  t.teardown(() => gateway.close())
  await ask(gateway, '/v1/scopes')
  t.equal(warnings(gateway.lines), 0)
  for (let request = 0; request < 3; request += 1) {
    await ask(gateway, '/v1/scopes', { headers: { 'x-forwarded-for': '203.0.113.7' } })
  }
  t.equal(warnings(gateway.lines), 1)
})

t.test('a proxy that TRUST_PROXY names is not', async (t) => {
  const gateway = await startGateway({ env: { TRUST_PROXY: '127.0.0.1,::1' } })
  t.teardown(() => gateway.close())
  await ask(gateway, '/v1/scopes', { headers: { 'x-forwarded-for': '203.0.113.7' } })
  t.equal(warnings(gateway.lines), 0)
})
