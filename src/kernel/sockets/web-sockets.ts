import type { Socket } from 'node:net'
import websocket from '@fastify/websocket'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CLOSE_CODES } from '../../contract/close-codes.js'
import { clientErrorHandler } from '../problems/client-errors.js'
import type { Problem } from '../problems/problems.js'
import type { Observe } from '../request/observe.js'
import { CLOSE_MS_MAX, closeFor, closeForRestart, destroyAfter } from './close.js'

/** A frame of a client: what it says here is short, and messages are sent over HTTP. */
const FRAME_BYTES_MAX = 16_384
/** A frame in more pieces than this is no network's doing. */
const FRAGMENTS_MAX = 64
const CHUNKS_MAX = 1_024
/** Refused handshakes that wait for their peer's close frame. Beyond it a refusal is plain HTTP, which ends at once. */
const REFUSED_LINGERING_MAX = 256

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the route accepts the handshake of a WebSocket; set from its `wsHandler`. */
    speaks_web_socket?: boolean
  }
}

/** Whether the route of a request accepts handshakes: one of the code, or one of an upstream. */
export function speaksWebSocket({ routeOptions, findings }: FastifyRequest): boolean {
  if (routeOptions.config?.speaks_web_socket === true) return true
  const matched = findings?.matched
  return matched !== undefined && matched.method === undefined
}

/** Refuses handshakes in their own language. */
export interface WebSockets {
  /** Accepts the handshake only to close it with the code of the problem; false when that is not how to refuse it. */
  refuse(problem: Problem, request: FastifyRequest, reply: FastifyReply): boolean
}

/**
 * WebSockets, once for the whole gateway. A handshake is a request like any other until its route accepts it: it passes
 * the pipeline first. Only a route with a `wsHandler` is ever upgraded.
 *
 * Browsers show a page the close code of a socket, and nothing of an answer that is no upgrade. So where a route speaks
 * WebSocket a refusal is an acceptance and a close.
 */
export async function installWebSockets(
  app: FastifyInstance,
  public_url: string,
  observe: Observe,
): Promise<WebSockets> {
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
      // No protocol of ours has a name; to repeat the client's would say that it is spoken.
      handleProtocols: () => false,
    } as websocket.WebsocketPluginOptions['options'],
    errorHandler: (error, socket, request) => {
      // What breaks the protocol was answered with its own code by ws; anything else is a mistake of ours.
      if (String((error as { code?: string }).code).startsWith('WS_ERR_')) return
      request.log.error({ err: error }, 'a socket failed')
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
    // It is no connection of the server any more, nor a socket of ours: nobody else would end it if its peer does not.
    destroyAfter(socket, CLOSE_MS_MAX)
  })

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
      // Whatever a client sent before it was answered is of no interest: it is refused.
      app.websocketServer.handleUpgrade(request.raw, connection, Buffer.alloc(0), (socket) => {
        socket.on('error', () => undefined)
        closeFor(socket, problem)
      })
      observe(request, problem.status)
      return true
    },
  }
}
