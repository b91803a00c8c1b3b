import type { Test } from 'tap'
import { ask, askRaw } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { startBehindGateway } from '../behind-gateway.js'
import { startService } from '../services.js'

const service = await startService()
t.teardown(() => service.close())
const get = (path: string, more = {}) => ({ method: 'GET', path, scopes: [], ...more })
const { gateway, world } = await startBehindGateway(t, [
  {
    name: 'files',
    prefix: '/files',
    origin: service.origin,
    rewrite: '/app',
    scopes: { 'files:admin': 'Read what is secret' },
    routes: [
      get('/all/*', { encoded: ['/', ';', '%'] }),
      { method: 'GET', path: '/all/secret', scopes: ['files:admin'] },
      { method: 'GET', path: '/all/secret/*', scopes: ['files:admin'] },
      get('/all/users/:id'),
      get('/slash/*', { encoded: ['/'] }),
      get('/none/*'),
    ],
    websockets: [{ path: '/live/*', scopes: [] }],
  },
])
const agent = await world.as('agent')
const lines = Object.entries(agent).flat()

async function refused(t: Test, path: string) {
  const answer = await askRaw(gateway, path, { lines })
  t.match(answer, { status: 400, body: { code: 'ambiguous_path' } }, path)
}

t.test('200 a route that allows encoded characters forwards them unchanged', async (t) => {
  const paths = [
    '/all/a%2Fb',
    '/all/a%2fb/c',
    '/all/50%25',
    '/all/50%2525',
    '/all/a%3Bb',
    '/all/x/a%2Fb?c=%2F',
    '/slash/a%2Fb',
  ]
  for (const path of paths) {
    const answer = await askRaw(gateway, `/files${path}`, { lines })
    t.match([answer.status, answer.body.url], [200, `/app${path}`], path)
  }
})

t.test('400 a route refuses the encoded characters that it does not allow', async (t) => {
  for (const path of [
    '/none/a%2Fb',
    '/none/50%25',
    '/none/a%3Bb',
    '/slash/50%25',
    '/slash/a%2F%3B',
    '/all/users/a%2Fb',
  ]) {
    await refused(t, `/files${path}`)
  }
  for (const path of ['/all%2Fa', '/none%2Fx', '/unknown%2Fx']) await refused(t, `/files${path}`)
})

// Attack: names a route with other scopes, in a form that only the service decodes. The gateway would check the access of
// the wildcard, and the service would serve the other route.
t.test('400 a path that belongs to another route after decoding is refused', async (t) => {
  service.asked.length = 0
  const paths = [
    ...[
      '/all/secret%2Fx',
      '/all/secret%252Fx',
      '/all/SECRET%2Fx',
      '/all/secret%3Bx',
      '/all/secret%253Bx',
      '/all/secret%2F',
    ],
    // A server that removes path parameters before it decodes the slash reads /all/secret.
    ...[
      '/all/secret%3Bx%2Fy',
      '/all/secret%3B%2Fy',
      '/all/x%2F..%2Fsecret',
      '/all/x/..%2Fsecret',
      '/all/..%3Bx/secret',
    ],
    ...[
      '/all/%2Fsecret',
      '/all/x%2F%2Fy',
      '/all/%252e%252e/x',
      '/all/x%2F%252e%252e%2Fsecret',
      '/all/%25252e',
      '/all/users%2Fme',
    ],
    ...['/all/x%255csecret', '/all/x%2500', '/all/%2525252541', '/all/;%2F', '/all/%3B/secret', '/all/x%2F.'],
  ]
  for (const path of paths) await refused(t, `/files${path}`)
  t.same(service.asked, [])
})

t.test('400 a WebSocket handshake with an encoded slash is refused', async (t) => {
  const handshake = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
  const all = Object.entries({ ...agent, ...handshake, 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }).flat()
  const { status, body } = await askRaw(gateway, '/files/live/a%2Fb', { lines: all })
  t.match({ status, body }, { status: 400, body: { code: 'ambiguous_path' } })
})

t.test('an explanation reads a path like a request', async (t) => {
  const explain = async (path: string) => {
    const body = { user_id: world.ids.agent, method: 'GET', path }
    const url = `/v1/tenants/${world.acme.id}/access/explain`
    return ask(gateway, url, { headers: await world.as('owner'), body })
  }
  t.match((await explain('/files/all/a%2Fb')).body, { allowed: true, route: { url: '/files/all/*' } })
  t.not((await explain('/files/all/secret%2Fx')).status, 200)
})
