import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { ask, askRaw } from '../../../helpers/requests.js'
import { t } from '../../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../../helpers/world.js'
import { startGatewayWith, startService, trainingManifest } from '../services.js'

const ALLOWED = '    headers: { request: [x-custom, cookie], response: [x-answer, set-cookie, cache-control] }\n'
let answerHeaders: [string, string][] = []
const service = await startService((request, response) => {
  const { method, url, headers, rawHeaders } = request
  for (const [name, value] of answerHeaders) response.appendHeader(name, value)
  request.resume().on('end', () => response.end(JSON.stringify({ method, url, headers, rawHeaders })))
})
const gateway = await startGatewayWith(t, trainingManifest(service.origin, ALLOWED))
t.teardown(async () => {
  await gateway.close()
  await service.close()
})
const world = await buildWorld(gateway)
const { acme, ids } = world
const owner = await world.as('owner')
const key_id = acme.key.slice(4, 16)
const send = async (more: readonly string[] = [], path = '/training/status') =>
  askRaw(gateway, path, { lines: [...Object.entries(owner).flat(), ...more] })
const names = (answer: { body: { rawHeaders: string[] } }) =>
  answer.body.rawHeaders.filter((_each, position) => position % 2 === 0).map((name) => name.toLowerCase())

t.test('an upstream receives the identity of the caller, the client address and the request id', async (t) => {
  const { body, headers } = await send(['X-Request-ID', 'request-1', 'User-Agent', 'tester', 'X-Custom', 'passes'])
  t.match(body.headers, {
    host: new URL(service.origin).host,
    'user-agent': 'tester',
    'x-custom': 'passes',
    'x-request-id': 'request-1',
    via: '1.1 gatehouse',
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'gateway.test',
    'x-forwarded-prefix': '/training',
    'x-gatehouse-tenant': acme.id,
    'x-gatehouse-user': ids.owner,
    'x-gatehouse-key': key_id,
    'x-gatehouse-scopes': 'training:run training:view',
  })
  t.equal(headers.get('x-request-id'), 'request-1')
})

t.test('behind a trusted proxy, an upstream receives every hop', async (t) => {
  const env = { TRUST_PROXY: '127.0.0.1', PUBLIC_URL: 'https://api.example' }
  const behind = await startGatewayWith(t, trainingManifest(service.origin), { on: gateway.test_database, env })
  t.teardown(() => behind.close())
  const more = ['X-Forwarded-For', '203.0.113.7, 127.0.0.1', 'X-Forwarded-Proto', 'http', 'Via', '1.0 edge']
  const lines = [...Object.entries(keyHeaders(acme)).flat(), ...more]
  const { body } = await askRaw(behind, '/training/open', { lines })
  t.match(body.headers, {
    'x-forwarded-for': '203.0.113.7, 127.0.0.1, 127.0.0.1',
    'x-forwarded-proto': 'https',
    'x-forwarded-host': 'api.example',
    via: '1.0 edge, 1.1 gatehouse',
  })
})

// Attack: sends forged identity headers (kcp CVE-2026-61682, Caddy GO-2026-4639) and spellings that CGI and WSGI read
// as the same name.
t.test('no header of the client resembles a header of the gateway, in any spelling', async (t) => {
  const forged = ['tenant', 'user', 'key', 'scopes', 'identity'].flatMap((name) => [
    [`X-Gatehouse-${name}`, 'forged'],
    [`x_gatehouse_${name}`, 'forged'],
    [`X.Gatehouse.${name}`, 'forged'],
    [`X-GATEHOUSE_${name}`, 'forged'],
    [`x-gatehouse-${name.toUpperCase()}`, 'forged'],
  ])
  const others = [
    ...['X_Tenant_Id', 'X.Tenant.Id', 'X_Tenant_Api_Key', 'X-Original-URL', 'X-Rewrite-URL', 'X-HTTP-Method-Override'],
    ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Forwarded-Proto', 'X_Forwarded_For', 'Forwarded', 'X-Real-IP'],
    ...['Proxy-Authorization', 'TE', 'Origin-Agent', 'X-Unknown'],
  ].map((name) => [name, 'forged'])
  const { body } = await send([...forged, ...others].flat())
  t.notMatch(JSON.stringify(body), /forged/)
  t.equal(body.headers['x-gatehouse-tenant'], acme.id)
})

t.test('the gateway never forwards the credentials of the client', async (t) => {
  const { body } = await send(['Cookie', 'session=allowed-here'])
  const text = JSON.stringify(body)
  t.notMatch(text, acme.key)
  t.notMatch(text, owner.authorization?.slice(7) ?? '-')
  t.notOk(names({ body }).some((name) => /authorization|x-tenant/.test(name)))
  t.equal(body.headers.cookie, 'session=allowed-here', 'the manifest allows it')
})

// Attack: lists identity headers in Connection, so that the gateway would remove them as hop-by-hop (Traefik
// CVE-2024-45410).
t.test('Connection removes headers of the client, and no header of the gateway', async (t) => {
  const connection = 'close, x-gatehouse-tenant, X-Gatehouse-Identity, x-tenant-id, X-CUSTOM, x-request-id, host'
  const { body } = await send(['Connection', connection, 'X-Custom', 'hop'])
  t.notOk(body.headers['x-custom'])
  t.equal(body.headers['x-gatehouse-tenant'], acme.id)
  t.ok(body.headers['x-gatehouse-identity'] && body.headers['x-request-id'] && body.headers.host)
  t.not(body.headers.connection, connection)
})

t.test('the upstream receives the key id of a tenant key without a user', async (t) => {
  const scopes = ['training:view', 'audit:view']
  const made = await acme.store.write('tenant_key.created', (store) => store.keys.create({ name: 'Alone', scopes }))
  const { body } = await ask(gateway, '/training/status', { headers: keyHeaders({ id: acme.id, key: made.key }) })
  t.notOk(body.headers['x-gatehouse-user'])
  t.equal(body.headers['x-gatehouse-key'], made.record.id)
  t.equal(body.headers['x-gatehouse-scopes'], 'training:view', 'only scopes that the upstream declares')
})

t.test('a valid trace context is forwarded unchanged; without a valid one the gateway starts a trace', async (t) => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const kept = await send(['traceparent', traceparent, 'tracestate', 'vendor=1'])
  t.match(kept.body.headers, { traceparent, tracestate: 'vendor=1' })
  const bad = ['x', `ff${traceparent.slice(2)}`, `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, traceparent.toUpperCase()]
  for (const given of bad) {
    const { body } = await send(['traceparent', given, 'tracestate', 'vendor=1'])
    t.match(body.headers.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, given)
    t.notOk(body.headers.tracestate)
  }
  const two = await Promise.all([send(), send()])
  t.not(two[0].body.headers.traceparent, two[1].body.headers.traceparent)
})

t.test('only the allowed headers of a response pass, and the headers of the gateway stay', async (t) => {
  answerHeaders = [
    ...['Content-Type', 'ETag', 'Last-Modified', 'X-Answer'].map((name): [string, string] => [name, `of-${name}`]),
    ...['WWW-Authenticate', 'Server', 'X-Powered-By', 'Access-Control-Allow-Origin'].map((name): [string, string] => [
      name,
      'bad',
    ]),
    ...['Access-Control-Allow-Credentials', 'RateLimit', 'X-Request-ID', 'Keep-Alive', 'Proxy-Authenticate'].map(
      (name): [string, string] => [name, 'bad'],
    ),
    ['Strict-Transport-Security', 'bad'],
    ['Set-Cookie', 'a=1'],
    ['Set-Cookie', 'b=2'],
    ['Set-Cookie', 'c=3'],
    ['Vary', 'Accept'],
    ['Cache-Control', 'max-age=5'],
    ['Location', '/sessions/1?x'],
  ]
  const answer = await ask(gateway, '/training/status', { headers: { ...owner, origin: 'https://acme.example' } })
  answerHeaders = []
  t.equal(answer.status, 200, answer.text)
  for (const name of ['content-type', 'etag', 'last-modified', 'x-answer']) {
    t.equal(answer.headers.get(name)?.toLowerCase(), `of-${name}`, name)
  }
  // The request id is random, and its hexadecimal digits can be this word.
  const others = [...answer.headers].filter(([name]) => name !== 'x-request-id')
  t.notMatch(JSON.stringify(others), /bad/)
  t.equal(answer.headers.get('www-authenticate'), null)
  t.equal(answer.headers.get('access-control-allow-origin'), 'https://acme.example')
  t.match(answer.headers.get('ratelimit'), /"tenant";r=/)
  t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
  t.same(answer.headers.getSetCookie(), ['a=1', 'b=2', 'c=3'])
  t.match(answer.headers.get('vary'), /Origin.*Accept/)
  t.equal(answer.headers.get('cache-control'), 'max-age=5', 'the manifest allows it')
  t.equal(answer.headers.get('location'), '/training/sessions/1?x', 'the public path')
})

t.test('a manifest can allow WWW-Authenticate and the CORS headers of an upstream', async (t) => {
  const allowed = ['www-authenticate', 'access-control-allow-origin', 'access-control-allow-credentials']
  gateway.write(trainingManifest(service.origin, `    headers: { response: [${allowed.join(', ')}] }\n`))
  gateway.upstreams?.reload()
  answerHeaders = [
    ['WWW-Authenticate', 'Basic realm="training"'],
    ['Access-Control-Allow-Origin', 'https://of-the-service.example'],
    ['Access-Control-Allow-Credentials', 'true'],
  ]
  const answer = await ask(gateway, '/training/status', { headers: { ...owner, origin: 'https://acme.example' } })
  answerHeaders = []
  t.equal(answer.headers.get('www-authenticate'), 'Basic realm="training"')
  t.equal(answer.headers.get('access-control-allow-origin'), 'https://of-the-service.example')
  t.equal(answer.headers.get('access-control-allow-credentials'), 'true')
})

t.test('by default a response is not stored by caches and sets no cookie', async (t) => {
  answerHeaders = [
    ['Set-Cookie', 'a=1'],
    ['Cache-Control', 'public'],
    ['Location', 'https://else.example/x'],
  ]
  gateway.write(trainingManifest(service.origin))
  gateway.upstreams?.reload()
  const answer = await ask(gateway, '/training/status', { headers: owner })
  answerHeaders = []
  t.same(answer.headers.getSetCookie(), [])
  t.equal(answer.headers.get('cache-control'), 'no-store')
  t.equal(answer.headers.get('location'), 'https://else.example/x')
})

t.test(
  'the identity token verifies with the JWKS: for this upstream, for 60 s, and not as an access token',
  async (t) => {
    const token = (await send()).body.headers['x-gatehouse-identity'] as string
    const keys = createRemoteJWKSet(new URL(`${gateway.url}/.well-known/jwks.json`))
    const currentDate = new Date(gateway.clock.now())
    const options = { issuer: 'http://gateway.test', audience: 'training', typ: 'identity+jwt', currentDate }
    const { payload } = await jwtVerify(token, keys, options)
    t.match(payload, {
      tenant_id: acme.id,
      user_id: ids.owner,
      sub: ids.owner,
      key_id,
      scope: 'training:run training:view',
    })
    t.equal((payload.exp ?? 0) - (payload.iat ?? 0), 60)
    await t.rejects(jwtVerify(token, keys, { ...options, audience: 'billing' }))
    await t.rejects(jwtVerify(token, keys, { ...options, typ: 'at+jwt' }))
    await t.rejects(jwtVerify(token, keys, { ...options, currentDate: new Date(gateway.clock.now() + 61_000) }))
    const headers = { authorization: `Bearer ${token}` }
    t.match((await ask(gateway, '/v1/me', { headers })).body, { code: 'invalid_token' }, 'not an access token')
  },
)

// Attack: uses a cached identity token after a change of rights (Oathkeeper CVE-2021-32701).
t.test('the gateway reuses an identity token only while its claims are correct', async (t) => {
  const tokenNow = async () => (await send()).body.headers['x-gatehouse-identity'] as string
  const first = await tokenNow()
  t.equal(await tokenNow(), first)
  const path = `/v1/tenants/${acme.id}/members/${ids.admin}/overrides/training:run`
  const admin = await world.as('admin')
  const asAdmin = async () => (await ask(gateway, '/training/status', { headers: admin })).body.headers
  t.equal((await asAdmin())['x-gatehouse-scopes'], 'training:run training:view')
  const body = { effect: 'deny', reason: 'test' }
  t.equal((await ask(gateway, path, { method: 'PUT', headers: await world.bearer('owner'), body })).status, 200)
  t.equal((await asAdmin())['x-gatehouse-scopes'], 'training:view', 'the next request after the change')
  t.match(
    Buffer.from((await asAdmin())['x-gatehouse-identity'].split('.')[1], 'base64url').toString(),
    /"scope":"training:view"/,
  )
  gateway.clock.advance(31_000)
  t.not(await tokenNow(), first, 'less than 30 s before it expires')
})

// Attack: sends header bytes that an encoding on the way would change, so that the upstream sees another value than the
// gateway checked.
t.test(
  '200 the bytes of a header reach the upstream unchanged: without a body, with a body, and in chunks',
  async (t) => {
    const bytes = Buffer.from('caf\xe9 \xc3\xa9 \xff', 'latin1')
    const { hostname, port } = new URL(gateway.url)
    const lines = Object.entries(owner).map(([name, value]) => `${name}: ${value}\r\n`)
    const head = (first: string) =>
      `${first} HTTP/1.1\r\nHost: x\r\n${lines.join('')}Connection: close\r\nAccept-Language: `
    for (const [first, rest] of [
      ['GET /training/status', '\r\n\r\n'],
      ['POST /training/start', '\r\nContent-Length: 2\r\n\r\n{}'],
      ['PUT /training/files/x', '\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ] as const) {
      const socket = connect(Number(port), hostname)
      socket.write(Buffer.concat([Buffer.from(head(first)), bytes, Buffer.from(rest)]))
      t.match(await text(socket), /^HTTP\/1.1 200/, first)
      t.equal(service.lastHeaders()['accept-language'], bytes.toString('latin1'), first)
    }
  },
)
