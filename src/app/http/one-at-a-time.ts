import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import { Problem } from '../../kernel/problems/problems.js'
import { keepTurnsOf, type Turn, type Turns, turnsOf } from '../../kernel/sockets/turns.js'

/** Pipelined requests of one connection that wait for their turn. */
const WAITING_MAX = 16
/** Requests beyond these that a connection may send before the gateway destroys it. */
const DROPPED_MAX = 64
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
  const begin = (turns: Turns, { request, response }: Turn) => {
    turns.is_taken = true
    response.once('close', () => {
      turns.is_taken = false
      const next = turns.waiting.shift()
      if (next !== undefined && !request.socket.destroyed) begin(turns, next)
    })
    handle(request, response)
  }
  return (request, response) => {
    const connection = request.socket
    const turns = keepTurnsOf(connection)
    if (turns.refused !== undefined) {
      turns.dropped += 1
      if (turns.dropped > DROPPED_MAX) connection.destroy()
      return
    }
    if (!turns.is_taken) return begin(turns, { request, response })
    if (turns.waiting.length >= WAITING_MAX) turns.refused = request
    turns.waiting.push({ request, response })
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
