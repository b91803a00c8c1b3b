import fc from 'fast-check'
import { Type } from 'typebox'
import { PROBLEMS, type ProblemCode } from '../../../src/contract/problems/catalogue.js'
import { html } from '../../../src/kernel/pages/html.js'
import { PAGE_POLICY } from '../../../src/kernel/pages/layout.js'
import { open } from '../../../src/kernel/request/access.js'
import { PUBLIC_URL, startGateway } from '../../helpers/gateway.js'
import { type Answer, ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { expectProblem } from '../pipeline/expect-problem.js'

const SECRET = 'planted-secret-4'
/** Secrets in the formats that the log redacts: each must be redacted in every part of an error. */
const CREDENTIALS = [
  'ghk_0123456789AB_0123456789012345678901234567890123456789ABCDEFGHI',
  'ghr_0123456789012345678901234567890123456789012',
  'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl',
  'postgres://gateway:planted-secret-5@db.internal:5432/gatehouse',
]

const gateway = await startGateway({
  more: async (app) => {
    app.get('/boom/:kind', { config: open(), schema: { response: { 200: Type.Object({}) } } }, async (request) => {
      const { kind } = request.params as { kind: string }
      const cause = Object.assign(new Error(`inner ${CREDENTIALS.join(' ')}`), { detail: SECRET, parameters: [SECRET] })
      const error = new Error(`select * from users -- /srv/app/node_modules/pg ${CREDENTIALS.join(' ')}`, { cause })
      if (kind === 'plain') throw error
      if (kind === 'status') throw Object.assign(error, { statusCode: 418, headers: { 'x-secret': SECRET } })
      if (kind === 'coded') throw Object.assign(error, { code: '42P01', statusCode: 400 })
      if (kind === 'text') throw `${SECRET}`
      throw Object.assign(new TypeError('x is not a function'), { expose: true, status: 402 })
    })
  },
})
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

// Attack: the client provokes errors to read SQL statements, paths, versions and secrets from the responses.
t.test('500 an unexpected error reveals only the texts of the catalogue and the request id', async (t) => {
  for (const kind of ['plain', 'status', 'coded', 'text', 'other']) {
    const answer = await ask(gateway, `/boom/${kind}`, { headers: { 'x-request-id': `boom-${kind}` } })
    expectProblem(t, answer, 500, 'internal_error', kind)
    t.same(answer.body, {
      type: `${PUBLIC_URL}/problems/internal_error`,
      title: PROBLEMS.internal_error.title,
      status: 500,
      detail: PROBLEMS.internal_error.detail,
      code: 'internal_error',
      request_id: `boom-${kind}`,
    })
    t.notOk(answer.headers.has('x-secret'))
  }
  const log = gateway.lines.join('')
  t.match(log, /select \* from users|inner/, 'the log names the cause')
  t.match(log, /boom-plain/)
  for (const credential of [...CREDENTIALS.slice(0, 3), 'planted-secret-5']) {
    t.notOk(log.includes(credential), `${credential.slice(0, 12)} in the log`)
  }
})

/** The responses that a client may keep. */
const CACHED: Readonly<Record<string, RegExp>> = {
  'the key set': /^public/,
  'the contract': /^public/,
  'a file of the documentation': /^public, max-age=31536000, immutable$/,
  documentation: /^no-cache$/,
  'a page of a problem': /^no-cache$/,
}

/** One response of each kind. */
async function everyKind(): Promise<Record<string, Answer>> {
  const owner = await world.as('owner')
  const documentation = await ask(gateway, '/docs')
  const [, file = ''] = /"(\/docs\/assets\/[^"]+\.css)"/.exec(documentation.text) ?? []
  return {
    200: await ask(gateway, '/v1/customers', { headers: owner }),
    201: await ask(gateway, '/v1/customers', { headers: owner, body: { name: 'A' } }),
    204: await ask(gateway, '/v1/customers', { method: 'OPTIONS', headers: { origin: 'https://acme.example' } }),
    400: await ask(gateway, '/v1/customers?x=1', { headers: owner }),
    '400 of the first step': await askRaw(gateway, '/livez', { lines: ['X-TENANT-ID', 'a', 'X-TENANT-ID', 'b'] }),
    401: await ask(gateway, '/v1/customers'),
    403: await ask(gateway, '/v1/customers', { headers: keyHeaders(world.acme) }),
    404: await ask(gateway, '/nowhere'),
    405: await ask(gateway, '/livez', { method: 'DELETE' }),
    413: await ask(gateway, '/v1/auth/login', { body: { email: 'a'.repeat(300_000) } }),
    414: await ask(gateway, `/v1/customers/${'a'.repeat(101)}`),
    415: await ask(gateway, '/v1/auth/login', { method: 'POST', headers: { 'content-type': 'text/plain' } }),
    500: await ask(gateway, '/boom/plain'),
    'the key set': await ask(gateway, '/.well-known/jwks.json'),
    'a page of a problem': await ask(gateway, '/problems/not_found'),
    'the contract': await ask(gateway, '/openapi.yaml'),
    documentation,
    'a file of the documentation': await ask(gateway, file),
  }
}

t.test('every kind of response carries the security headers', async (t) => {
  for (const [name, { status, headers }] of Object.entries(await everyKind())) {
    t.match(name, new RegExp(status === 200 ? '' : `^${status}`), `the status of ${name}`)
    t.equal(headers.get('x-content-type-options'), 'nosniff', name)
    t.equal(headers.get('referrer-policy'), 'no-referrer', name)
    t.match(headers.get('x-request-id'), /^[A-Za-z0-9._-]{1,128}$/, name)
    t.notOk(headers.has('x-powered-by') || headers.has('server'), `${name}: a header that names the product`)
    t.notOk(headers.has('set-cookie'), `${name}: a cookie`)
    t.notOk(headers.has('strict-transport-security'), `${name}: HSTS without TLS`)
    const policy = headers.get('content-security-policy')
    if (name === 'documentation')
      t.match(policy, /^default-src 'none'; script-src 'self';.*frame-ancestors 'none'$/, name)
    else if (name === 'a page of a problem') t.equal(policy, PAGE_POLICY, name)
    else t.equal(policy, "default-src 'none'; frame-ancestors 'none'", name)
    t.match(headers.get('cache-control'), CACHED[name] ?? /^no-store$/, name)
    if (Number(headers.get('content-length') ?? 0) > 0) t.match(headers.get('content-type'), /charset=utf-8/i, name)
  }
})

// Attack: a client or a man in the middle sends X-Forwarded-Proto: https, so that browsers require TLS of a host that
// has none.
t.test('the gateway sends HSTS only behind a trusted proxy that received the request over TLS', async (t) => {
  const hsts = async (env: Record<string, string>, proto: string) => {
    const other = await startGateway({ on: gateway.test_database, env })
    t.teardown(() => other.close())
    const of_path = async (path: string) =>
      (await ask(other, path, { headers: { 'x-forwarded-proto': proto } })).headers.get('strict-transport-security')
    const [good, missing] = [await of_path('/livez'), await of_path('/nowhere')]
    t.equal(good, missing, 'the same header on a refusal')
    return good
  }
  t.equal(await hsts({ TRUST_PROXY: '127.0.0.1' }, 'https'), 'max-age=31536000; includeSubDomains')
  t.equal(await hsts({ TRUST_PROXY: '127.0.0.1' }, 'http'), null)
  t.equal(await hsts({}, 'https'), null, 'no trusted proxy is configured')
  t.equal(await hsts({ TRUST_PROXY: '10.0.0.1' }, 'https'), null, 'another address is trusted')
})

t.test('the gateway keeps a well-formed request id, replaces any other one, and always returns it', async (t) => {
  const sent = (id: string, path = '/nowhere') => ask(gateway, path, { headers: { 'x-request-id': id } })
  const plain = fc.stringMatching(/^[A-Za-z0-9._-]{1,128}$/)
  await fc.assert(
    fc.asyncProperty(plain, async (id) => {
      const { headers, body } = await sent(id)
      return headers.get('x-request-id') === id && body.request_id === id
    }),
    { numRuns: 30 },
  )
  const others = ['', 'a b', 'a'.repeat(129), 'a/b', 'ä', '<script>', '{"a":1}', 'a,b', 'a$b', "' or 1=1"]
  for (const id of others) {
    const { headers, body } = await sent(encodeURI(id) === id ? id : Buffer.from(id).toString('latin1'))
    t.match(headers.get('x-request-id'), /^[0-9a-f]{8}-[0-9a-f-]{27}$/, id)
    t.equal(body.request_id, headers.get('x-request-id'))
  }
  const twice = await askRaw(gateway, '/nowhere', { lines: ['X-Request-ID', 'one', 'X-Request-ID', 'two'] })
  t.match(twice.headers.get('x-request-id'), /^[0-9a-f-]{36}$/, 'two ids are replaced by a new one')
  t.equal((await sent('kept-on-success', '/livez')).headers.get('x-request-id'), 'kept-on-success')
  t.ok(
    gateway.lines.some((line) => JSON.parse(line).request_id === 'kept-on-success'),
    'the request id in the log',
  )
})

t.test('every code of the catalogue has a page below /problems, and any other name there gets 404', async (t) => {
  const codes = Object.keys(PROBLEMS) as ProblemCode[]
  t.ok(codes.length > 30)
  for (const code of codes) {
    const page = await ask(gateway, `/problems/${code}`)
    t.equal(page.status, 200, code)
    t.equal(page.headers.get('content-type'), 'text/html; charset=utf-8')
    t.match(page.text, String(html`${PROBLEMS[code].explanation}`))
    t.match(page.text, `Status ${PROBLEMS[code].status}`)
  }
  for (const code of ['unknown', 'toString', '__proto__', 'constructor', 'NOT_FOUND', '%3Cscript%3E']) {
    expectProblem(t, await ask(gateway, `/problems/${code}`), 404, 'not_found', code)
  }
})
