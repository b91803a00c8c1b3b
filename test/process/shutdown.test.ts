import { once } from 'node:events'
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { openEvents } from '../helpers/event-streams.js'
import { openSocket } from '../helpers/sockets.js'
import { t } from '../helpers/t.js'
import {
  demoFolder,
  FILE_MS_MAX,
  type GatewayProcess,
  readDemo,
  startGatewayInto,
  startGatewayProcess,
  until,
  type Variables,
} from './gateway-process.js'

const STOP_MS_MAX = 10_000
/** The gateway closes connections with a request that does not end after so long. */
const CLOSED_AFTER_MS = 6_000
const PRODUCTION = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PUBLIC_URL: 'https://api.example.com',
  JWT_SIGNING_KEYS: generateSigningKeys(),
}
const NAME = JSON.stringify({ name: 'Sent in two halves' })

t.setTimeout(FILE_MS_MAX)
const DATA_DIR = await demoFolder(t)
let demo: Variables = {}

t.test('SIGINT ends the process with exit code 0', async (t) => {
  const gateway = await startGatewayProcess(t, { DATA_DIR })
  demo = readDemo(DATA_DIR)
  gateway.child.kill('SIGINT')
  t.equal((await gateway.exit).code, 0)
})

// Without a graceful shutdown every deployment would lose requests.
t.test('on SIGTERM readiness fails first, requests in flight finish, and the exit code is 0', async (t) => {
  const gateway = await startGatewayProcess(t, { DATA_DIR, ...PRODUCTION })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const readiness = () => answerOf(request(`${gateway.url}/readyz`, { agent }).end())
  t.equal((await readiness()).status, 200)
  const one = await beginPost(gateway)
  const other = await beginPost(gateway)

  const signalled_at = Date.now()
  gateway.child.kill('SIGTERM')
  let seen = await readiness()
  await until(async () => {
    seen = await readiness()
    return seen.status === 503
  })
  t.match(JSON.parse(seen.text), { code: 'service_unavailable', checks: { draining: true } })
  t.match(seen.headers['retry-after'], /^\d+$/)
  t.equal((await fetch(`${gateway.url}/livez`)).status, 200, 'a new request while readiness fails')
  t.equal((await finishPost(one)).status, 201, 'a request in flight while readiness fails')

  await until(async () => (await fetch(`${gateway.url}/livez`).catch(() => undefined)) === undefined)
  t.equal((await finishPost(other)).status, 201, 'a request in flight after the listener closed')
  const { code, stdout, stderr } = await gateway.exit
  t.equal(code, 0)
  t.notMatch(stderr, /Error|at .*:\d+:\d+/, 'the banner alone')
  t.match(stdout, /"msg":"stopped"/)
  t.ok(Date.now() - signalled_at < STOP_MS_MAX)
})

// Browsers connect before they have a request. Such a connection must not delay the stop.
t.test('a connection on which the client has sent nothing is closed with the idle ones', async (t) => {
  const gateway = await startGatewayProcess(t, { DATA_DIR })
  const silent = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  await once(silent, 'connect')
  // The gateway accepts connections in their order, so that it has accepted the first one too.
  t.equal((await fetch(`${gateway.url}/livez`)).status, 200)
  const signalled_at = Date.now()
  gateway.child.kill('SIGTERM')
  t.equal((await gateway.exit).code, 0)
  t.ok(Date.now() - signalled_at < CLOSED_AFTER_MS, `${Date.now() - signalled_at} ms`)
})

// Attack: a client sends its body endlessly, so that the shutdown does not end before the supervisor sends SIGKILL.
t.test('a client that never finishes its request cannot delay the exit beyond 10 s', async (t) => {
  const gateway = await startGatewayProcess(t, { DATA_DIR })
  const dripping = await beginPost(gateway)
  const cut = once(dripping, 'error')
  const signalled_at = Date.now()
  gateway.child.kill('SIGTERM')
  // A terminal and npm can both send a signal. The second one must not shorten the shutdown.
  gateway.child.kill('SIGINT')
  const { code, stdout } = await gateway.exit
  t.equal(code, 0)
  t.match(stdout, /"msg":"stopped"/)
  t.ok(Date.now() - signalled_at < STOP_MS_MAX)
  await cut
})

// Attack: fills the file system of the log. The gateway would neither respond nor stop.
t.test('a gateway whose log cannot be written responds, and SIGTERM ends it with exit code 0', async (t) => {
  const gateway = await startGatewayInto(t, '/dev/full', { DATA_DIR })
  for (let requests = 0; requests < 10; requests += 1) {
    t.equal((await fetch(`${gateway.url}/livez`)).status, 200)
  }
  const signalled_at = Date.now()
  gateway.child.kill('SIGTERM')
  t.equal((await gateway.exit).code, 0)
  t.ok(Date.now() - signalled_at < STOP_MS_MAX, `${Date.now() - signalled_at} ms`)
})

// Streams do not end by themselves. The shutdown must not wait for them, and must tell their clients to reconnect.
t.test('on SIGTERM sockets, event streams and long polls get a 503 or 1012, and the exit code is 0', async (t) => {
  const gateway = await startGatewayProcess(t, { DATA_DIR })
  const login = { email: demo.AGENT_EMAIL, password: demo.AGENT_PASSWORD }
  const { access } = (await send(gateway, '/v1/auth/login', {}, login)) as { access: string }
  const key = { 'x-tenant-id': String(demo.TENANT_ID), 'x-tenant-api-key': String(demo.TENANT_API_KEY) }
  const headers = { ...key, authorization: `Bearer ${access}` }
  const list = (await send(gateway, '/v1/conversations?limit=1', headers)) as {
    data: { id: string; last_seq: number }[]
  }
  const [{ id, last_seq } = { id: '', last_seq: 0 }] = list.data
  const path = `/v1/conversations/${id}`

  const socket = openSocket(gateway, `${path}/stream`, { headers })
  await socket.frame('ready')
  const events = openEvents(gateway, `${path}/stream`, headers)
  await events.event('ready')
  const polled = fetch(`${gateway.url}${path}/messages?after=${last_seq}&wait=25`, { headers })
  // After the response to this later request, the gateway has probably received the poll. It also accepts connections for
  // a moment after the signal.
  await send(gateway, '/v1/me', { authorization: headers.authorization })

  const signalled_at = Date.now()
  gateway.child.kill('SIGTERM')
  t.match(await socket.closed(), { code: 1012, reason: /^service_unavailable; Retry-After: \d+$/ })
  await events.closed()
  t.match(
    events.state.text,
    /\nretry: \d+\nevent: error\ndata: \{"type":"error","payload":\{[^\n]*"status":503[^\n]*\n\n$/,
  )
  const poll = await polled
  t.equal(poll.status, 503)
  t.match(poll.headers.get('retry-after'), /^\d+$/)
  const { code, stdout, stderr } = await gateway.exit
  t.equal(code, 0)
  t.notMatch(stderr, /Error|at .*:\d+:\d+/, 'the banner alone')
  t.match(stdout, /"msg":"stopped"/)
  t.ok(Date.now() - signalled_at < STOP_MS_MAX, `${Date.now() - signalled_at} ms`)
})

/** Sends the head and a part of the body. Returns after the gateway has accepted the head with 100 Continue. */
async function beginPost(gateway: GatewayProcess): Promise<ClientRequest> {
  const outgoing = request(`${gateway.url}/v1/customers`, {
    method: 'POST',
    agent: false,
    headers: {
      'x-tenant-id': demo.TENANT_ID,
      'x-tenant-api-key': demo.INTEGRATION_API_KEY,
      'content-type': 'application/json',
      'content-length': NAME.length,
      expect: '100-continue',
    },
  })
  outgoing.flushHeaders()
  await once(outgoing, 'continue')
  outgoing.write(NAME.slice(0, 5))
  return outgoing
}

/** Sends a GET, or a POST if there is a body. @returns the JSON of the response */
async function send({ url }: GatewayProcess, path: string, headers: Record<string, string>, body?: object) {
  const type = { 'content-type': 'application/json' }
  const init = body === undefined ? { headers } : { method: 'POST', headers: type, body: JSON.stringify(body) }
  return (await fetch(url + path, init)).json()
}

const finishPost = (outgoing: ClientRequest) => answerOf(outgoing.end(NAME.slice(5)))

async function answerOf(outgoing: ClientRequest) {
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  let text = ''
  for await (const chunk of response.setEncoding('utf8')) text += chunk
  return { status: response.statusCode, headers: response.headers, text }
}
