import { askRaw } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { keyHeaders } from '../../../helpers/world.js'
import { startBehindGateway } from '../behind-gateway.js'
import { startService } from '../services.js'

const service = await startService()
t.teardown(() => service.close())
const { gateway, world } = await startBehindGateway(t, [
  {
    name: 'files',
    prefix: '/files',
    origin: service.origin,
    routes: [
      { method: 'GET', path: '/*', scopes: [] },
      { method: 'DELETE', path: '/plain', scopes: [] },
      { method: 'DELETE', path: '/declared', scopes: [], body_bytes_max: 100 },
    ],
  },
])
const headers = Object.entries(keyHeaders(world.acme)).flat()
const SMUGGLED = 'GET /admin HTTP/1.1\r\nHost: x\r\nX-Gatehouse-Tenant: forged\r\n\r\n'

// Attack: hides a request with forged identity headers in the body of a GET, HEAD or DELETE. A service that ignores the
// body answers it as the next request on the connection, which belongs to another tenant.
t.test(
  '400 a body of GET and HEAD, and of a DELETE whose route declares none, never reaches the service',
  async (t) => {
    for (const [method, path] of [
      ['GET', '/files/plain'],
      ['HEAD', '/files/plain'],
      ['DELETE', '/files/plain'],
    ] as const) {
      for (const framing of [
        ['Content-Length', String(SMUGGLED.length)],
        ['Transfer-Encoding', 'chunked'],
      ]) {
        const { status, text } = await askRaw(gateway, path, {
          method,
          lines: [...headers, ...framing],
          body: SMUGGLED,
        })
        t.equal(status, 400, `${method} ${framing[0]}`)
        if (method !== 'HEAD') t.match(text, /"code":"malformed_request"/)
      }
    }
    t.same(service.asked, [], 'the service received nothing')
  },
)

t.test('200 a DELETE without a body, and with the body that its route declares', async (t) => {
  t.match(await askRaw(gateway, '/files/plain', { method: 'DELETE', lines: headers }), { status: 200 })
  const empty = [...headers, 'Content-Length', '0']
  t.match(await askRaw(gateway, '/files/plain', { method: 'DELETE', lines: empty }), { status: 200 })
  const lines = [...headers, 'Content-Length', '2']
  const declared = await askRaw(gateway, '/files/declared', { method: 'DELETE', lines, body: '{}' })
  t.match(declared, { status: 200, body: { method: 'DELETE', body: '{}' } })
})
