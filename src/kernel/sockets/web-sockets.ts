import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CLOSE_CODES } from '../../contract/close-codes.js'
import { clientErrorHandler } from '../problems/client-errors.js'
import type { Problem } from '../problems/problems.js'
import type { Observe } from '../request/observe.js'
import { CLOSE_MS_MAX, closeFor, closeForRestart, destroyAfter } from './close.js'

/** The maximum size of a frame of a client. Frames are short, because clients send messages over HTTP. */
const FRAME_BYTES_MAX = 16_384
/** The maximum number of fragments of a message. A well-behaved client sends fewer. */
const FRAGMENTS_MAX = 64
const CHUNKS_MAX = 1_024
/** Refused handshakes that wait for the close frame of the client. Beyond it, the gateway refuses over HTTP. */
const REFUSED_LINGERING_MAX = 256

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route accepts WebSocket handshakes. Set for a route with a `wsHandler`. */
    speaks_web_socket?: boolean
  }
}

/** Checks whether the route of a request, or the declared route of an upstream, accepts WebSocket handshakes. */
export function speaksWebSocket({ routeOptions, findings }: FastifyRequest): boolean {
  if (routeOptions.config?.speaks_web_socket === true) return true
  const matched = findings?.matched
  return matched !== undefined && matched.method === undefined
}

/** Refuses WebSocket handshakes. */
export interface WebSockets {
  /** Accepts the handshake and closes it with the code of the problem. Returns false if it must be refused over HTTP. */
  refuse(problem: Problem, request: FastifyRequest, reply: FastifyReply): boolean
}

/**
 * Installs WebSockets for the whole gateway. A handshake passes the pipeline like any other request. Only a route with a
 * `wsHandler` upgrades it.
 *
 * A browser shows a page the close code of a socket, but not an HTTP response to a handshake. So a WebSocket route refuses a
 * handshake by accepting and closing it.
 */
export async function installWebSockets(app: FastifyInstance, public_url: string, observe: Observe): Promise<void> {
  app.addHook('onRoute', (route) => {
    const { wsHandler } = route
    if (wsHandler === undefined) return
    route.config = { ...route.config, speaks_web_socket: true } as typeof route.config
    route.wsHandler = function (socket, request) {
      observe(request, 101)
      return wsHandler.call(this, socket, request)
    }
  })
  await app.register(websocket, {
    options: {
      maxPayload: FRAME_BYTES_MAX,
      maxFragments: FRAGMENTS_MAX,
      maxBufferedChunks: CHUNKS_MAX,
      perMessageDeflate: false,
      closeTimeout: CLOSE_MS_MAX,
      // The gateway has no named subprotocol. Echoing the subprotocol of the client would confirm it.
      handleProtocols: () => false,
    } as websocket.WebsocketPluginOptions['options'],
    errorHandler: (error, socket, request) => {
      // ws has closed the socket after a protocol error. Any other error is a bug of the gateway.
      if (String((error as { code?: string }).code).startsWith('WS_ERR_')) return
      request.log.error({ err: error }, 'WebSocket handler failed')
      socket.close(CLOSE_CODES.internal_error, 'internal_error')
    },
    preClose: (done) => {
      for (const client of app.websocketServer.clients) closeForRestart(client)
      app.websocketServer.close()
      done()
    },
  })
  const answerBroken = clientErrorHandler(public_url)
  app.websocketServer.on('wsClientError', (error, socket) => {
    answerBroken(error, socket as Socket)
    // Neither the HTTP server nor ws owns this connection any more, so it must be destroyed here if the client keeps it open.
    destroyAfter(socket, CLOSE_MS_MAX)
  })
}

/** Makes what refuses the handshakes of an app with WebSockets. */
export function socketRefuser(app: FastifyInstance, observe: Observe): WebSockets {
  let lingering = 0
  return {
    refuse(problem, request, reply) {
      const connection = request.raw.socket
      if (!request.ws || !speaksWebSocket(request) || connection.destroyed) return false
      if (lingering >= REFUSED_LINGERING_MAX) return false
      reply.hijack()
      lingering += 1
      connection.once('close', () => {
        lingering -= 1
      })
      // Bytes that the client sent with the refused handshake are dropped.
      app.websocketServer.handleUpgrade(request.raw, connection, Buffer.alloc(0), (socket) => {
        socket.on('error', () => undefined)
        closeFor(socket, problem)
      })
      observe(request, problem.status)
      return true
    },
  }
}
