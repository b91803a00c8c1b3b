import { t } from '../helpers/t.js'
import { demoFolder, FILE_MS_MAX, readDemo, startGatewayProcess } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

// Without this write every deployment would lose the counts since the last interval: usage, refusals, and uses of keys.
t.test('the gateway writes its counters on SIGTERM, and returns them after the next start', async (t) => {
  const DATA_DIR = await demoFolder(t)
  const first = await startGatewayProcess(t, { DATA_DIR })
  const demo = readDemo(DATA_DIR)
  const headers = { 'x-tenant-id': String(demo.TENANT_ID), 'x-tenant-api-key': String(demo.TENANT_API_KEY) }
  for (let number = 0; number < 7; number += 1) await fetch(`${first.url}/v1/access`, { headers })
  for (let number = 0; number < 3; number += 1) await fetch(`${first.url}/v1/customers`, { headers })
  first.child.kill('SIGTERM')
  t.match(await first.exit, { code: 0 })

  const second = await startGatewayProcess(t, { DATA_DIR })
  const login = await fetch(`${second.url}/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: demo.OWNER_EMAIL, password: demo.OWNER_PASSWORD }),
  })
  const { access } = (await login.json()) as { access: string }
  const get = async (path: string) => {
    const answer = await fetch(`${second.url}/v1/tenants/${demo.TENANT_ID}${path}`, {
      headers: { authorization: `Bearer ${access}` },
    })
    return JSON.parse(await answer.text())
  }
  const { data } = await get('/usage?group_by=route')
  const of = (route: string) => data.find(({ group }: { group: string }) => group === route)
  t.match(of('GET /v1/access'), { requests: 7, refusals: 0 })
  t.match(of('GET /v1/customers'), { requests: 3, refusals: 3 })
  const events = await get('/audit-events?action=request.refused')
  t.match(events.data, [{ changes: { code: 'insufficient_scope', count: 3 } }])
  const key_id = headers['x-tenant-api-key'].slice(4, 16)
  const { secrets } = await get(`/keys/${key_id}`)
  t.match(secrets, [{ requests: 10, last_used_at: /Z$/ }])
  second.child.kill('SIGTERM')
  t.match(await second.exit, { code: 0 })
})
