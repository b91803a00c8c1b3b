import type { FastifyRequest } from 'fastify'
import { demoCredentials } from '../../../src/app/pages/demo-credentials.js'
import { t } from '../../helpers/t.js'

const variables = { AGENT_EMAIL: 'a@b.example', AGENT_PASSWORD: 'secret', TENANT_ID: 'id', TENANT_API_KEY: 'key' }
const demo = { variables, file: 'demo.env' }
const ask = (ip: string, headers: Record<string, string>, seeded: typeof demo | undefined = demo) => {
  try {
    return demoCredentials({ ip, headers } as unknown as FastifyRequest, seeded, 'http://gatehouse.test:8000')
  } catch (error) {
    return (error as { code: string }).code
  }
}

t.test('200 a page of the gateway in a browser on this machine gets the credentials of the demo', async (t) => {
  const expected = { email: 'a@b.example', password: 'secret', tenant_id: 'id', tenant_key: 'key' }
  for (const [ip, host] of [
    ['127.0.0.1', 'localhost:8000'],
    ['::1', '[::1]:8000'],
    ['::ffff:127.0.0.1', '127.0.0.1'],
    ['127.0.0.1', 'gatehouse.test:8000'],
  ] as const) {
    t.same(ask(ip, { host, 'sec-fetch-site': 'same-origin' }), expected, `${ip} ${host}`)
  }
})

// Attack: a page of another site, another machine, also behind a proxy on this one, or a page whose name now resolves to this machine (DNS rebinding) reads the
// passwords of the demo.
t.test('404 no other client gets them', async (t) => {
  for (const [ip, headers] of [
    ['10.0.0.7', { host: 'localhost:8000' }],
    ['2001:db8::1', { host: 'localhost:8000' }],
    ['127.0.0.1', { host: 'attacker.example:8000', 'sec-fetch-site': 'same-origin' }],
    ['127.0.0.1', { host: 'localhost.attacker.example' }],
    ['127.0.0.1', { host: 'localhost:8000', 'sec-fetch-site': 'cross-site' }],
    ['127.0.0.1', { host: 'localhost:8000', 'sec-fetch-site': 'same-site' }],
    ['127.0.0.1', {}],
    ['127.0.0.1', { host: 'localhost:8000' }],
    ['127.0.0.1', { host: 'localhost:8000', 'sec-fetch-site': 'same-origin', 'x-forwarded-for': '198.51.100.9' }],
    ['127.0.0.1', { host: 'localhost:8000', 'sec-fetch-site': 'same-origin', via: '1.1 proxy' }],
  ] as const) {
    t.equal(ask(ip, headers as Record<string, string>), 'not_found', JSON.stringify([ip, headers]))
  }
  const none = undefined as unknown as typeof demo
  t.throws(() => demoCredentials({ ip: '127.0.0.1', headers: { host: 'localhost' } } as never, none, 'http://a.test'))
})
