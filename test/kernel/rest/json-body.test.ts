import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { JSON_DEPTH_MAX, parseJsonBody } from '../../../src/kernel/rest/json-body.js'
import { head, sendBytes } from '../../app/http/raw-socket.js'
import { expectProblem } from '../../app/pipeline/expect-problem.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.as('owner')
const lines = Object.entries(owner)
  .concat([['content-type', 'application/json']])
  .flat()
const post = (body: string) => askRaw(gateway, '/v1/customers', { method: 'POST', lines, body })
const nested = (depth: number) => `{"name":"A","metadata":{"x":${'['.repeat(depth - 2)}${']'.repeat(depth - 2)}}}`
const withMetadata = (json: string) => `{"name":"A","metadata":${json}}`

t.test('201 a body of 32 levels, and 400 a body of 33', async (t) => {
  t.equal(JSON_DEPTH_MAX, 32)
  t.equal((await post(nested(32))).status, 201)
  expectProblem(t, await post(nested(33)), 400, 'malformed_json')
  expectProblem(t, await post('['.repeat(100_000)), 400, 'malformed_json', '100,000 nested arrays')
  expectProblem(t, await post(`${'{"a":'.repeat(40_000)}1`), 400, 'malformed_json', '40,000 nested objects')
})

// Attack: the client sends a body that two parsers read differently, or that pollutes prototypes.
t.test('400 a body that is ambiguous, or with numbers that the gateway cannot store unchanged', async (t) => {
  const bodies: Record<string, string> = {
    'a name twice': '{"name":"A","name":"B"}',
    'a name twice, written differently': '{"name":"A","n\\u0061me":"B"}',
    'a name twice, deep inside': withMetadata('{"a":[{"x":1,"x":1}]}'),
    __proto__: '{"name":"A","__proto__":{"is_admin":true}}',
    '__proto__, escaped': '{"name":"A","\\u005f_proto__":{}}',
    '__proto__, deep inside': withMetadata('{"a":[{"__proto__":1}]}'),
    'constructor.prototype': withMetadata('{"constructor":{"prototype":{}}}'),
    '1e400': withMetadata('{"n":1e400}'),
    '-1e400': withMetadata('{"n":-1e400}'),
    '2^53 + 1': withMetadata('{"n":9007199254740993}'),
    '-(2^53 + 1)': withMetadata('{"n":-9007199254740993}'),
    NaN: withMetadata('{"n":NaN}'),
    'a comment': '/* x */{"name":"A"}',
    'a trailing comma': '{"name":"A",}',
    'single quotes': "{'name':'A'}",
    'two byte order marks': '\ufeff\ufeff{"name":"A"}',
    'a byte order mark inside': '{\ufeff"name":"A"}',
    'a second value': '{"name":"A"} {"name":"B"}',
    'a raw control character': '{"name":"A\u0001"}',
    'only spaces': '   ',
    'cut off': '{"name":"A"',
    'no JSON at all': 'name=A',
  }
  for (const [name, body] of Object.entries(bodies)) expectProblem(t, await post(body), 400, 'malformed_json', name)
  t.notOk(({} as Record<string, unknown>).is_admin, 'Object.prototype is unchanged')
  t.equal((await post('\ufeff{"name":"A"}')).status, 201, 'a byte order mark before the JSON')
  for (const fine of ['{"n":9007199254740991}', '{"n":-1.5e-7}', '{"s":"\\ud83d\\ude00"}', '{"constructor":"Bosch"}']) {
    t.equal((await post(withMetadata(fine))).status, 201, fine)
  }
})

// Attack: the client sends text that is JSON, but that PostgreSQL cannot store, so that a statement fails.
t.test('400 NUL and lone surrogates in a body are refused with the place of the first one', async (t) => {
  for (const [pointer, message, body] of [
    ['/name', 'must not contain NUL or a lone surrogate', '{"name":"A\\u0000"}'],
    ['/name', 'must not contain NUL or a lone surrogate', '{"name":"A\\ud800","email":"\\u0000"}'],
    ['/metadata', 'a name must not contain NUL or a lone surrogate', withMetadata('{"a\\u0000":1}')],
    ['/metadata', 'a name must not contain NUL or a lone surrogate', withMetadata('{"\\udc00":1}')],
    ['/metadata/a~1b/1/c~0', 'must not contain NUL or a lone surrogate', withMetadata('{"a/b":[1,{"c~":"\\ud800"}]}')],
    ['', 'must not contain NUL or a lone surrogate', '"\\u0000"'],
  ] as const) {
    const answer = await post(body)
    expectProblem(t, answer, 400, 'validation_failed', body)
    t.same(answer.body.errors, [{ pointer, message }], body)
  }
  const both = await post('{"name":"A\\u0000","metadata":{"n":1e400}}')
  expectProblem(t, both, 400, 'malformed_json', 'a body that is refused for two reasons')
})

t.test('400 bytes that are no UTF-8, which the gateway does not replace', async (t) => {
  for (const bytes of [
    [0xff],
    [0xc3, 0x28],
    [0xe2, 0x82],
    [0xed, 0xa0, 0x80],
    [0xc0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
  ]) {
    const body = Buffer.concat([Buffer.from('{"name":"A'), Buffer.from(bytes), Buffer.from('"}')])
    const request = head(
      'POST /v1/customers HTTP/1.1',
      'Host: x',
      'Content-Type: application/json',
      `Content-Length: ${body.length}`,
      ...Object.entries(owner).map(([name, value]) => `${name}: ${value}`),
    )
    const answer = await sendBytes(gateway, Buffer.concat([Buffer.from(request), body]))
    expectProblem(t, answer, 400, 'malformed_json', Buffer.from(bytes).toString('hex'))
  }
})

t.test('400 a missing body, or a body that is no object', async (t) => {
  for (const body of ['', 'null', '"A"', '1', 'true', '[]', '[{"name":"A"}]']) {
    expectProblem(t, await post(body), 400, 'validation_failed', body)
  }
  const without = await ask(gateway, '/v1/customers', { method: 'POST', headers: owner })
  expectProblem(t, without, 400, 'validation_failed', 'no body and no media type')
})

// Attack: mass assignment. The client sends members that it may not set. The gateway must also not silently ignore a
// member on which the client relies.
t.test('400 the response names unknown members and parameters, and the gateway converts no types', async (t) => {
  const refused = async (pointer: string, body: object) => {
    const answer = await post(JSON.stringify(body))
    expectProblem(t, answer, 400, 'validation_failed', JSON.stringify(body))
    t.same([...new Set(answer.body.errors.map((error: { pointer: string }) => error.pointer))], [pointer])
  }
  await refused('/tenant_id', { name: 'A', tenant_id: world.globex.id })
  await refused('/id', { name: 'A', id: '019a0000-0000-7000-8000-000000000000' })
  await refused('/version', { name: 'A', version: 7 })
  await refused('/a~1b~0c', { name: 'A', 'a/b~c': 1 })
  await refused('/name', { email: 'a@example.com' })
  await refused('/name', { name: 1 })
  await refused('/name', { name: true })
  await refused('/name', { name: null })
  await refused('/name', { name: ['A'] })
  await refused('/name', { name: '' })
  await refused('/tags', { name: 'A', tags: 'vip' })
  await refused('/tags/0', { name: 'A', tags: [1] })
  await refused('/metadata', { name: 'A', metadata: '{}' })
  for (const [query, pointer] of [
    ['unknown=1', '/unknown'],
    ['limit=0', '/limit'],
    ['limit=101', '/limit'],
    ['limit=1e1', '/limit'],
    ['limit=%201', '/limit'],
    ['limit=1&limit=2', '/limit'],
    ['limit[]=1', '/limit[]'],
    ['tag=a&tag=b', '/tag'],
    ['search=%00', '/search'],
    ['search=', '/search'],
    ['__proto__=1', '/__proto__'],
    ['Limit=1', '/Limit'],
  ] as const) {
    const answer = await ask(gateway, `/v1/customers?${query}`, { headers: owner })
    expectProblem(t, answer, 400, 'validation_failed', query)
    t.equal(answer.body.errors[0].pointer, pointer)
  }
  for (const path of ['/v1/access', `/v1/customers/019a0000-0000-7000-8000-000000000000`]) {
    expectProblem(t, await ask(gateway, `${path}?x=1`, { headers: owner }), 400, 'validation_failed', path)
  }
})

t.test('413 a body of more than 256 KiB, with and without Content-Length', async (t) => {
  const filled = (bytes: number) => `{"name":"A","x":"${'a'.repeat(bytes - 19)}"}`
  expectProblem(t, await post(filled(262_144)), 400, 'validation_failed', '256 KiB')
  expectProblem(t, await post(filled(262_145)), 413, 'body_too_large', '256 KiB and 1 byte')
  const chunk = filled(262_145)
  const request = head(
    'POST /v1/customers HTTP/1.1',
    'Host: x',
    'Content-Type: application/json',
    'Transfer-Encoding: chunked',
    ...Object.entries(owner).map(([name, value]) => `${name}: ${value}`),
  )
  const answer = await sendBytes(gateway, `${request}${chunk.length.toString(16)}\r\n${chunk}\r\n`)
  expectProblem(t, answer, 413, 'body_too_large', 'in chunks, without a length')
})

// Attack: an attacker reads the password of a malformed body in the response or in the log.
t.test('neither the response nor the log holds a secret of a malformed body', async (t) => {
  const secret = 'planted-secret-2-quartz'
  const json = { 'content-type': 'application/json' }
  for (const body of [
    `{"email":"a@example.com","password":"${secret}"`,
    `{"email":"a@example.com","password":"${secret}",}`,
    `{"password":"${secret}","password":"${secret}"}`,
    `{"password":"${secret}\\u0000"}`,
    `{"${secret}":1e400}`,
    `{"email":1,"password":"${secret}"}`,
    `{"email":"a@example.com","password":{"x":"${secret}"}}`,
    `${secret}`,
  ]) {
    const answer = await askRaw(gateway, '/v1/auth/login', { method: 'POST', lines: Object.entries(json).flat(), body })
    t.equal(answer.status, 400, body)
    t.notMatch(answer.text, new RegExp(secret))
  }
  const log = gateway.lines.join('')
  t.match(log, /malformed_json/, 'the refusals in the log')
  t.notMatch(log, new RegExp(secret))
})

t.test('the parser returns the values that JSON.stringify wrote', (t) => {
  const refused = /__proto__|"constructor"|\\u0000|\\ud[89a-f]|\d{16}|e\+/i
  const values = fc.jsonValue({ maxDepth: 6 }).filter((value) => !refused.test(JSON.stringify(value)))
  fc.assert(
    fc.property(values, (value) => {
      const text = JSON.stringify(value)
      return isDeepStrictEqual(parseJsonBody(text), JSON.parse(text))
    }),
    { numRuns: 500 },
  )
  t.end()
})

t.test('the parser refuses a text that is malformed or cannot be stored, or returns the value of JSON.parse', (t) => {
  const shards = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"b"',
    '1',
    'null',
    '1e999',
    '"\\u0000"',
    '/**/',
    ' ',
    '"__proto__"',
  ]
  const isJsonWithNul = (candidate: string) => {
    try {
      parseJsonBody(candidate.replaceAll('\\u0000', 'x'))
      return candidate.includes('\\u0000')
    } catch {
      return false
    }
  }
  const text = fc.array(fc.constantFrom(...shards), { maxLength: 12 }).map((parts) => parts.join(''))
  let accepted = 0
  fc.assert(
    fc.property(text, (candidate) => {
      try {
        const value = parseJsonBody(candidate)
        accepted += 1
        return JSON.stringify(value) === JSON.stringify(JSON.parse(candidate))
      } catch (error) {
        const { code } = error as { code?: string }
        return code === (isJsonWithNul(candidate) ? 'validation_failed' : 'malformed_json')
      }
    }),
    { numRuns: 3000 },
  )
  t.ok(accepted > 0)
  t.end()
})
