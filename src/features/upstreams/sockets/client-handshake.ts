import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type WebSocket, WebSocketServer } from 'ws'
import { Problem } from '../../../kernel/problems/problems.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import { SOCKET_OPTIONS } from './relay-dial.js'

/** One or more tokens (RFC 6455 section 11.3.4). */
const PROTOCOLS = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*,\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/

/** The subprotocols that a client offers. @throws Problem `malformed_request` */
export function protocolsOf({ headers }: FastifyRequest): string[] {
  const offered = headers['sec-websocket-protocol']
  if (offered === undefined) return []
  if (!PROTOCOLS.test(offered)) throw new Problem('malformed_request')
  return [...new Set(offered.split(',').map((each) => each.trim()))]
}

/**
 * Keeps the bytes that arrive with an upgrade request (Node's `head`), because the relay must replay them.
 * @returns the bytes of a request
 */
export function keepHeads(app: FastifyInstance): (raw: IncomingMessage) => Buffer {
  const heads = new WeakMap<IncomingMessage, Buffer>()
  const keep = (raw: IncomingMessage, _socket: Duplex, head: Buffer) => void heads.set(raw, head)
  app.server.prependListener('upgrade', keep)
  // With a listener for upgrades, Node detaches the request from its parser. At shutdown no one would answer it.
  app.addHook('preClose', async () => void app.server.off('upgrade', keep))
  return (raw) => heads.get(raw) ?? Buffer.alloc(0)
}

/**
 * Accepts the handshake of a client with the subprotocol that the upstream chose. If the client has disconnected, even
 * only in one direction, it closes the connection to the upstream.
 */
export function acceptClient(
  upstream: WebSocket,
  { message_bytes_max }: DeclaredSocket,
  { raw }: FastifyRequest,
  head: Buffer,
  onAccepted: (client: WebSocket) => void,
): void {
  const server = new WebSocketServer({
    ...SOCKET_OPTIONS,
    noServer: true,
    clientTracking: false,
    maxPayload: message_bytes_max,
    handleProtocols: () => (upstream.protocol === '' ? false : upstream.protocol),
  })
  if (raw.socket.destroyed) {
    upstream.terminate()
    return
  }
  const onClientLeft = () => upstream.terminate()
  raw.socket.once('close', onClientLeft)
  server.once('wsClientError', (_error, socket) => {
    upstream.terminate()
    socket.destroy()
  })
  server.handleUpgrade(raw, raw.socket, head, (client) => {
    raw.socket.off('close', onClientLeft)
    onAccepted(client)
  })
}
