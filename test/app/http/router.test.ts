import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'
import { expectProblem } from '../pipeline/expect-problem.js'
import { head, sendBytes } from './raw-socket.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.as('owner')

// Attack: the client spells a path so that the checks do not recognise it, but the router serves it.
t.test('404 another spelling of a path is an unknown path, for every caller', async (t) => {
  const spellings = [
    '//v1/customers',
    '/v1//customers',
    '/V1/customers',
    '/v1/Customers',
    '/v1/customers;x=1',
    '/v1/customers.json',
    '/v1/./customers',
    '/v1/x/../customers',
    '/v1/%2e/customers',
    '/v1%2fcustomers',
    '/v1/customers%20',
    '/v1/customers%00',
    '/v1/customers\\',
    '/v1/platform//tenants',
    '/v1/me/../platform/tenants',
    '/livez/../v1/customers',
    '/nowhere',
    '*',
  ]
  for (const path of spellings) {
    for (const lines of [[], Object.entries(owner).flat()]) {
      const answer = await askRaw(gateway, path, { lines })
      expectProblem(t, answer, 404, 'not_found', path)
      t.notMatch(answer.text, /v1|where/, 'the path in the response')
    }
  }
  // After the last slash the router reads an empty id. The route of one object answers, after its own checks.
  const operator = await world.bearer('operator')
  for (const [path, headers] of [
    ['/v1/customers/', owner],
    ['/v1/platform/tenants/', operator],
    ['/livez/', {}],
  ] as const) {
    const lines = Object.entries(headers).flat()
    expectProblem(t, await askRaw(gateway, path, { lines }), 404, 'not_found', path)
  }
  t.equal((await askRaw(gateway, '/v1/customers?', { lines: Object.entries(owner).flat() })).status, 200)
  const encoded = await askRaw(gateway, '/v1/%63ustomers')
  expectProblem(t, encoded, 401, 'tenant_credentials_required', 'a percent-encoded letter, and the checks of its route')
})

t.test('405 with Allow for every method that a path of the route table does not have', async (t) => {
  const methods_of = new Map<string, Set<string>>()
  for (const { url, method, schema } of gateway.routes) {
    if (url === '*' || url.startsWith('/docs') || (schema as { hide?: boolean } | undefined)?.hide) continue
    const methods = methods_of.get(url) ?? new Set()
    for (const each of [method].flat()) methods.add(each)
    methods_of.set(url, methods)
  }
  t.ok(methods_of.size >= 25, 'paths in the route table')
  for (const [url, methods] of methods_of) {
    const path = url.replaceAll(/:\w+/g, '019a0000-0000-7000-8000-000000000000')
    for (const method of ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      if (methods.has(method)) continue
      // fetch cannot send TRACE. The raw socket cannot read responses to HEAD, because it waits for a body.
      const answer = await (method === 'TRACE'
        ? sendBytes(gateway, head(`TRACE ${path} HTTP/1.1`, 'Host: x'))
        : ask(gateway, path, { method }))
      if (method === 'HEAD') t.equal(answer.status, 405)
      else expectProblem(t, answer, 405, 'method_not_allowed', `${method} ${path}`)
      t.equal(answer.headers.get('allow'), [...methods].sort().join(', '), `${method} ${url}`)
    }
  }
})

// Attack: a page sends TRACE. The response would repeat the credentials of the request, which the page may not read.
t.test('405 the response to TRACE repeats no header of the request', async (t) => {
  const lines = ['Authorization: Bearer planted-secret-3', 'X-TENANT-API-KEY: planted-secret-3']
  const answer = await sendBytes(gateway, head('TRACE /v1/customers HTTP/1.1', 'Host: x', ...lines))
  expectProblem(t, answer, 405, 'method_not_allowed')
  t.notMatch(answer.text, /planted-secret/)
})

t.test('414 a path parameter longer than 100 characters', async (t) => {
  const paths = (part: string) => [`/v1/customers/${part}`, `/v1/tenants/${part}/keys`, `/problems/${part}`]
  for (const path of paths('a'.repeat(101))) {
    expectProblem(t, await ask(gateway, path, { headers: owner }), 414, 'uri_too_long', path)
  }
  for (const path of paths('a'.repeat(100))) t.not((await ask(gateway, path, { headers: owner })).status, 414)
  expectProblem(t, await ask(gateway, `/${'a'.repeat(3000)}`), 404, 'not_found', 'a long path without a route')
  const multibyte = `/v1/customers/${encodeURIComponent('ä'.repeat(100))}`
  expectProblem(t, await ask(gateway, multibyte, { headers: owner }), 404, 'not_found', '100 characters after decoding')
})

// Attack: the client sends an id for SQL injection, for path traversal, or one that makes the database fail.
t.test('404 a malformed id gets the response of an unknown id', async (t) => {
  const bearer = await world.bearer('owner')
  const ids = [
    '%00',
    '%2f',
    '..%2f..',
    '%2e%2e',
    "'",
    '%27%20or%201=1--',
    '%25',
    '%ff'.replace('%ff', '%c3%a9'),
    '*',
    '0',
    '-1',
  ]
  for (const id of [...ids, '%7Bid%7D', '%0d%0aX-Evil:1', 'null', 'undefined', '__proto__', 'constructor']) {
    for (const method of ['GET', 'DELETE']) {
      const answer = await ask(gateway, `/v1/customers/${id}`, { method, headers: owner })
      expectProblem(t, answer, 404, 'not_found', `${method} ${id}`)
    }
    const key = await ask(gateway, `/v1/tenants/${world.acme.id}/keys/${id}`, { method: 'DELETE', headers: bearer })
    expectProblem(t, key, 404, 'not_found', `key ${id}`)
    expectProblem(t, await askRaw(gateway, `/problems/${id}`), 404, 'not_found', `problem ${id}`)
    const platform = `/v1/platform/tenants/${id}`
    const operator = await world.bearer('operator')
    expectProblem(t, await ask(gateway, platform, { headers: operator }), 404, 'not_found', `tenant ${id}`)
  }
})

t.test('400 the pipeline, and not the router, refuses a path that cannot be decoded', async (t) => {
  for (const path of ['/%zz', '/v1/customers/%', '/v1/customers/%e0%a4%a', '/v1/customers/%ff', '/%c0%ae%c0%ae/']) {
    const answer = await askRaw(gateway, path, { lines: Object.entries(owner).flat() })
    expectProblem(t, answer, 400, 'malformed_request', path)
    t.ok(answer.headers.has('content-security-policy'), 'the security headers')
    t.ok(
      gateway.lines.some((line) => line.includes(answer.body.request_id)),
      'the request in the log',
    )
  }
})

t.test('a request target in absolute form names the same route, and the gateway ignores its host', async (t) => {
  const livez = await sendBytes(gateway, head('GET http://evil.example/livez HTTP/1.1', 'Host: x'))
  t.same(livez.body, { status: 'ok' })
  const customers = await sendBytes(gateway, head('GET http://evil.example/v1/customers HTTP/1.1', 'Host: x'))
  expectProblem(t, customers, 401, 'tenant_credentials_required')
  t.notMatch(customers.text, /evil/)
  const hostless = await sendBytes(gateway, head('GET http://evil.example/nowhere HTTP/1.1', 'Host: evil.example'))
  expectProblem(t, hostless, 404, 'not_found')
  t.notMatch(hostless.text, /evil/, 'a problem type is built from PUBLIC_URL, not from Host')
})
