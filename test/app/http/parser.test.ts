import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { expectProblem } from '../pipeline/expect-problem.js'
import { head, sendBytes } from './raw-socket.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const HOST = 'Host: x'
const LOGIN = 'POST /v1/auth/login HTTP/1.1'
const JSON_TYPE = 'Content-Type: application/json'

// Attack: request smuggling and splitting. The client sends bytes that a proxy and the gateway read as different requests.
t.test('400 bytes that are malformed or ambiguous HTTP', async (t) => {
  const requests: Record<string, string> = {
    'no HTTP at all': 'hello\r\n\r\n',
    'a TLS ClientHello': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n',
    'lines that end with LF alone': `GET /livez HTTP/1.1\n${HOST}\n\n`,
    'one header line that ends with LF alone': `GET /livez HTTP/1.1\r\n${HOST}\nX-A: a\r\n\r\n`,
    'a length and chunks': `${head(LOGIN, HOST, 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    'chunks and a length': `${head(LOGIN, HOST, 'Transfer-Encoding: chunked', 'Content-Length: 5')}0\r\n\r\n`,
    'two lengths': `${head(LOGIN, HOST, 'Content-Length: 5', 'Content-Length: 6')}hello`,
    'a length that is no number': `${head(LOGIN, HOST, 'Content-Length: 5a')}hello`,
    'a negative length': `${head(LOGIN, HOST, 'Content-Length: -1')}`,
    'an encoding that is not chunked': `${head(LOGIN, HOST, 'Transfer-Encoding: chunkedx')}0\r\n\r\n`,
    'chunked, and then another encoding': `${head(LOGIN, HOST, 'Transfer-Encoding: chunked, gzip')}0\r\n\r\n`,
    'a chunk whose size is no number': `${head(LOGIN, HOST, JSON_TYPE, 'Transfer-Encoding: chunked')}xyz\r\n`,
    'NUL in a header': head('GET /livez HTTP/1.1', HOST, 'X-A: a\0b'),
    'CR in a header': head('GET /livez HTTP/1.1', HOST, 'X-A: a\rb'),
    'a header that continues on the next line': head('GET /livez HTTP/1.1', HOST, 'X-A: a', ' b'),
    'a space before the colon': head('GET /livez HTTP/1.1', HOST, 'X-Tenant-ID : a'),
    'a header without a name': head('GET /livez HTTP/1.1', HOST, ': a'),
    'a space in the path': head('GET /live z HTTP/1.1', HOST),
    'a version that does not exist': head('GET /livez HTTP/9.9', HOST),
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'no version': head('GET /livez', HOST),
    'a version of another protocol': head('GET /livez HTTP/2.0', HOST),
  }
  for (const [name, bytes] of Object.entries(requests)) {
    const answer = await sendBytes(gateway, Buffer.from(bytes, 'latin1'))
    expectProblem(t, answer, 400, 'malformed_request', name)
    t.equal(answer.headers.get('x-content-type-options'), 'nosniff')
    t.equal(answer.headers.get('cache-control'), 'no-store')
  }
})

t.test('431 a request whose headers exceed 16 KiB', async (t) => {
  const long = await sendBytes(gateway, head('GET /livez HTTP/1.1', HOST, `X-A: ${'a'.repeat(17_000)}`))
  expectProblem(t, long, 431, 'headers_too_large', 'one long line')
  const url = await sendBytes(gateway, head(`GET /${'a'.repeat(17_000)} HTTP/1.1`, HOST))
  expectProblem(t, url, 431, 'headers_too_large', 'a long URL')
})

t.test('400 HTTP/1.1 without Host, and 200 HTTP/1.0 without it', async (t) => {
  expectProblem(t, await sendBytes(gateway, head('GET /livez HTTP/1.1')), 400, 'malformed_request')
  t.equal((await sendBytes(gateway, head('GET /livez HTTP/1.0'))).status, 200)
})

// Node would answer an unknown Expect header itself. That response would be no problem document, and no budget would
// count the request.
t.test('a request with an Expect header, known or unknown, gets the response of a request without it', async (t) => {
  const body = '{"email":"a@example.com","password":"quartz-lantern-47"}'
  for (const expect of ['100-continue', '100-Continue', 'a-cup-of-tea', '']) {
    const request = head(LOGIN, HOST, JSON_TYPE, `Content-Length: ${body.length}`, `Expect: ${expect}`)
    const answer = await sendBytes(gateway, request + body)
    expectProblem(t, answer, 401, 'invalid_credentials', expect)
    t.ok(answer.headers.has('ratelimit'), 'the headers of a counted request')
  }
})

t.test('an upgrade request to a route without WebSockets is handled as an ordinary request', async (t) => {
  const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: eA==']
  const answer = await sendBytes(gateway, head('GET /v1/customers HTTP/1.1', HOST, ...lines))
  expectProblem(t, answer, 401, 'tenant_credentials_required')
})

// Attack: the client hides a second request in the body of the first one, which the gateway refuses without reading it.
t.test('the gateway does not read the body of a refused request as the next request', async (t) => {
  const hidden = head('GET /livez HTTP/1.1', HOST, 'X-Request-ID: hidden-request')
  const request = head('POST /v1/customers HTTP/1.1', HOST, JSON_TYPE, `Content-Length: ${hidden.length}`)
  const next = head('GET /livez HTTP/1.1', HOST, 'X-Request-ID: next-request')
  const before = gateway.lines.length
  await sendBytes(gateway, head('GET /livez HTTP/1.1', HOST, 'X-Request-ID: first-request'))
  expectProblem(t, await sendBytes(gateway, request + hidden + next), 401, 'tenant_credentials_required')
  await sendBytes(gateway, head('GET /livez HTTP/1.1', HOST, 'X-Request-ID: last-request'))
  const log = gateway.lines.slice(before).join('')
  t.match(log, /first-request/)
  t.match(log, /last-request/)
  t.notMatch(log, /hidden-request/)
})
