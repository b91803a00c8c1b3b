import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { Problem } from '../../kernel/problems/problems.js'
import { keepTurnsOf, type Turn, type Turns, turnsOf } from '../../kernel/sockets/turns.js'
import { claimedCaller, LoopTurns } from './loop-turns.js'

/** Pipelined requests of one connection that wait for their turn. */
const WAITING_MAX = 16
/** What a listener returns so that the parser skips the body of a request and stops after it. Node uses it for upgrades. */
const STOP_AFTER_THIS = 2
/** How often a server that closes looks for connections that have become idle. */
const IDLE_EVERY_MS = 50

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/**
 * Passes on the requests of each connection one at a time: a pipelined request waits until the response before it has been
 * handed to the operating system, or its connection has closed.
 *
 * Node would run all requests of a packet at once and keep their responses in memory, in order. A client that sends
 * hundreds of requests and reads nothing could fill the memory with their responses. With one at a time it holds one
 * response, and nothing runs for a response that is not the first in line.
 */
export function oneAtATime(handle: Handler): Handler {
  const loop = new LoopTurns()
  const begin = (turns: Turns, turn: Turn) => {
    const { request, response } = turn
    turns.running = turn
    response.once('close', () => {
      turns.running = undefined
      beginNext(turns)
    })
    loop.run(claimedCaller(request), () => {
      if (!request.socket.destroyed) handle(request, response)
    })
  }
  const beginNext = (turns: Turns) => {
    const [next] = turns.waiting
    if (next?.request.complete !== true && turns.broken !== undefined) return turns.broken()
    turns.waiting.shift()
    if (next !== undefined && !next.request.socket.destroyed) begin(turns, next)
  }
  return (request, response) => {
    const connection = request.socket
    const turns = keepTurnsOf(connection)
    if (turns.running === undefined) return begin(turns, { request, response })
    if (turns.waiting.length >= WAITING_MAX) {
      turns.refused = request
      dropWhatFollows(connection)
    }
    turns.waiting.push({ request, response })
  }
}

/** The parser that Node keeps at a connection. The types of Node do not have it. */
interface Parsed {
  readonly parser?: { onIncoming?: (request: { upgrade: boolean }) => number } | null
}

/**
 * Makes the parser drop what the connection sends after this request. Node parses a packet to its end, also when the
 * connection is paused or destroyed. A packet can hold hundreds of requests, and each of them costs as much as an empty
 * handler, so a few packets would keep all other connections waiting.
 */
function dropWhatFollows(connection: Socket & Parsed): void {
  if (connection.parser?.onIncoming === undefined) return void connection.destroy()
  connection.parser.onIncoming = (request) => {
    request.upgrade = false
    return STOP_AFTER_THIS
  }
}

type AnswerBroken = (error: Error, connection: Socket) => void

/**
 * Answers what the parser cannot read when its turn comes. The requests before it get their responses first. Otherwise the
 * client would take the problem for the response to the request that runs, or for a part of it.
 */
export function inItsTurn(answer: AnswerBroken): AnswerBroken {
  return (error, connection) => {
    const turns = turnsOf(connection)
    if (turns?.refused !== undefined && connection.writable) return
    // The error is within the request that runs, or the connection is gone.
    if (turns?.running?.request.complete !== true || !connection.writable) return answer(error, connection)
    turns.broken = () => answer(error, connection)
  }
}

/** A property of `http.Server` that the types of Node do not have. */
interface HalfOpen {
  /** Whether a client that has closed its sending side still gets its responses. */
  httpAllowHalfOpen?: boolean
}

/** Creates the HTTP server of Fastify, whose connections pass on their requests one at a time. */
export function createOrderedServer(handle: Handler, options: FastifyServerOptions): Server {
  const ordered = oneAtATime(handle)
  const server: Server & HalfOpen = createServer((options as { http?: object }).http ?? {}, ordered)
  server.keepAliveTimeout = options.keepAliveTimeout ?? 0
  server.requestTimeout = options.requestTimeout ?? 0
  // A client may close its sending side after its request (RFC 9112 section 9.6). It still waits for the response.
  server.httpAllowHalfOpen = true
  server.setTimeout(options.connectionTimeout ?? 0)
  // `Expect: 100-continue` (RFC 9110 section 10.1.1) is answered after the pipeline has authorised the request, so that a
  // refused client does not send its body. Node would answer any other expectation by itself, without the budgets.
  server.on('checkContinue', ordered)
  server.on('checkExpectation', ordered)
  closeSilentConnections(server)
  closeWhatBecomesIdle(server)
  return server
}

/**
 * Makes `closeIdleConnections` also close connections on which the client has sent nothing. Browsers and undici connect in
 * advance. Node takes such a connection for a busy one, so that it delays a stop until its time-out.
 */
function closeSilentConnections(server: Server): void {
  const open = new Set<Socket>()
  server.on('connection', (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  const closeIdle = server.closeIdleConnections.bind(server)
  server.closeIdleConnections = () => {
    closeIdle()
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy()
  }
}

/**
 * Makes `close` also close connections that become idle after it. Node closes those that are idle at that moment. A client that
 * keeps its connection after the last response would delay a stop by the keep-alive time-out.
 */
function closeWhatBecomesIdle(server: Server): void {
  const close = server.close.bind(server)
  server.close = (done) => {
    const timer = setInterval(() => server.closeIdleConnections(), IDLE_EVERY_MS)
    server.once('close', () => clearInterval(timer))
    return close(done)
  }
}

/** Refuses the first request that a connection has pipelined beyond the limit, and closes the connection after it. */
export function refuseExcess(app: FastifyInstance): void {
  app.addHook('onRequest', (request, _reply, done) => {
    if (turnsOf(request.raw.socket)?.refused !== request.raw) return done()
    const detail = `The client sent more than ${WAITING_MAX} requests on one connection without reading the responses.`
    done(new Problem('service_unavailable', { detail, headers: { connection: 'close', 'retry-after': '1' } }))
  })
}
