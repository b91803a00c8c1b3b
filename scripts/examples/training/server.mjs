// A service that trains models, as another team could have written it. It does not know the gateway.
// It trusts the header that ACCOUNT_HEADER names, so only the gateway may reach it.
//
//   PORT=8700 ACCOUNT_HEADER=x-account node server.mjs
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { WebSocketServer } from 'ws'

const { PORT = '8700', HOST = '127.0.0.1', ACCOUNT_HEADER = 'x-account' } = process.env
const EPOCH_MS = 1_000
const PUSH_MS = 2_000
const BODY_BYTES_MAX = 10_000
const SESSIONS_KEPT = 50
const ACCOUNTS_MAX = 1_000

/** @typedef {{ id: string, model: string, epochs: number, started_at: number, stopped_at: number | null }} Session */

/** The sessions of each account, newest first. @type {Map<string, Session[]>} */
const accounts = new Map()

const ROUTES = {
  'POST /start': start,
  'POST /stop': stop,
  'GET /status': ({ account }) => ({ status: 200, body: statusOf(account) }),
  'GET /sessions': ({ account }) => ({ status: 200, body: { sessions: sessionsOf(account).map(shown) } }),
}

function start({ account, body }) {
  const { model, epochs = 30 } = body
  if (typeof model !== 'string' || !/^[\w.-]{1,64}$/.test(model)) return refuse(400, 'model: a name is needed')
  if (!Number.isInteger(epochs) || epochs < 1 || epochs > 10_000) return refuse(400, 'epochs: 1 to 10000')
  const sessions = sessionsOf(account)
  const running = sessions.find(isRunning)
  if (running !== undefined) return refuse(409, 'a training is already running', { session: shown(running) })
  if (!accounts.has(account) && accounts.size >= ACCOUNTS_MAX) return refuse(503, 'too many accounts')
  const session = { id: randomUUID(), model, epochs, started_at: Date.now(), stopped_at: null }
  accounts.set(account, [session, ...sessions].slice(0, SESSIONS_KEPT))
  return { status: 201, body: shown(session), headers: { location: `/sessions/${session.id}` } }
}

function stop({ account }) {
  const running = sessionsOf(account).find(isRunning)
  if (running === undefined) return refuse(409, 'no training is running')
  running.stopped_at = Date.now()
  return { status: 200, body: shown(running) }
}

function oneSession(account, id) {
  const session = sessionsOf(account).find((item) => item.id === id)
  return session === undefined ? refuse(404, 'no such session') : { status: 200, body: shown(session) }
}

function sessionsOf(account) {
  return accounts.get(account) ?? []
}

function isRunning(session) {
  return session.stopped_at === null && epochOf(session) < session.epochs
}

/** It does not train anything: one epoch passes each second. */
function epochOf({ started_at, stopped_at, epochs }) {
  return Math.min(epochs, Math.floor(((stopped_at ?? Date.now()) - started_at) / EPOCH_MS))
}

function shown(session) {
  const { id, model, epochs, started_at, stopped_at } = session
  const epoch = epochOf(session)
  const state = isRunning(session) ? 'running' : stopped_at === null ? 'finished' : 'stopped'
  return {
    id,
    model,
    state,
    epoch,
    epochs,
    loss: Number((2 / (epoch + 1)).toFixed(4)),
    started_at: new Date(started_at),
  }
}

function statusOf(account) {
  const [latest] = sessionsOf(account)
  return latest === undefined
    ? { state: 'idle', session: null }
    : { state: shown(latest).state, session: shown(latest) }
}

function refuse(status, error, more = {}) {
  return { status, body: { error, ...more } }
}

async function readJson(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += chunk
    if (text.length > BODY_BYTES_MAX) throw new Error('too large')
  }
  const body = text === '' ? {} : JSON.parse(text)
  if (typeof body !== 'object' || body === null) throw new Error('no object')
  return body
}

async function answer(request) {
  const account = request.headers[ACCOUNT_HEADER]
  if (account === undefined) return refuse(400, `${ACCOUNT_HEADER} is missing`)
  const { pathname } = new URL(request.url, 'http://localhost')
  const [, id] = /^\/sessions\/([\w-]+)$/.exec(pathname) ?? []
  if (request.method === 'GET' && id !== undefined) return oneSession(account, id)
  const route = ROUTES[`${request.method} ${pathname}`]
  if (route === undefined) return refuse(404, 'no such page')
  const body = await readJson(request).catch(() => undefined)
  return body === undefined ? refuse(400, 'the body is no JSON object') : route({ account, body })
}

const server = createServer(async (request, response) => {
  const { status, body, headers = {} } = await answer(request)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
})

// GET /live as a WebSocket: sends the status at once, and then every two seconds.
const sockets = new WebSocketServer({ noServer: true, maxPayload: 1_024 })
server.on('upgrade', (request, socket, head) => {
  const account = request.headers[ACCOUNT_HEADER]
  if (request.url !== '/live' || account === undefined) return socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
  sockets.handleUpgrade(request, socket, head, (client) => {
    const push = () => client.send(JSON.stringify({ type: 'status', ...statusOf(account) }))
    const timer = setInterval(push, PUSH_MS)
    client.on('error', () => undefined).on('close', () => clearInterval(timer))
    push()
  })
})

server.listen(Number(PORT), HOST, () => console.log(`training service at http://${HOST}:${server.address().port}`))
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const client of sockets.clients) client.close(1001)
    server.close()
    server.closeIdleConnections()
  })
}
