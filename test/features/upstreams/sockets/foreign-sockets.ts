import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'

export interface ForeignSockets {
  readonly origin: string
  /** The handshakes that arrived, oldest first. */
  readonly handshakes: readonly IncomingMessage[]
  /** How its connections ended: codes and reasons, oldest first. */
  readonly closes: readonly { readonly code: number; readonly reason: string }[]
  /** Connections that are open now, upgraded or not. */
  connections(): number
  /** Bytes that `/flood` has given to its socket. */
  flooded(): number
  /** Pings and pongs that all its sockets have received. A pong without a ping of the server counts too. */
  pings(): number
  pongs(): number
  close(): Promise<void>
}

const FLOOD_BLOCK = Buffer.alloc(32_768, 'f')
/** Opcode 3 is reserved (RFC 6455 section 5.2). */
const INVALID_FRAME = Buffer.from([0x83, 0x01, 0x00])
/** A server must not mask its frames (RFC 6455 section 5.1). This one has the mask bit set. */
const MASKED_FRAME = Buffer.from([0x81, 0x81, 0x01, 0x02, 0x03, 0x04, 0x60])

/**
 * A WebSocket server as a foreign upstream, with the defaults of the `ws` package and with faults that occur in
 * production. The path selects the behaviour.
 */
export async function startForeignSockets(): Promise<ForeignSockets> {
  const handshakes: IncomingMessage[] = []
  const closes: { code: number; reason: string }[] = []
  const raw = new Set<Socket>()
  let flooded = 0
  let pings = 0
  let pongs = 0
  const sockets = new WebSocketServer({ noServer: true })
  const server = createServer((_request, response) => response.writeHead(426).end())
  server.on('connection', (socket) => {
    raw.add(socket)
    socket.on('error', () => undefined).on('close', () => raw.delete(socket))
  })

  const accepted: Record<string, (socket: WebSocket, underneath: Socket) => void> = {
    '/echo': (socket) => socket.on('message', (data, binary) => socket.send(data, { binary })),
    '/greets': (socket) => {
      for (const word of ['first', 'second', 'third']) socket.send(word)
    },
    '/silent': () => undefined,
    '/close': (socket) => socket.close(4321, 'as agreed'),
    '/close-without': (socket) => socket.close(),
    '/dies': (_socket, underneath) => underneath.resetAndDestroy(),
    '/dies-later': (socket, underneath) => socket.on('message', () => underneath.resetAndDestroy()),
    '/invalid': (_socket, underneath) => underneath.write(INVALID_FRAME),
    '/masked': (_socket, underneath) => underneath.write(MASKED_FRAME),
    '/never-reads': (socket) => socket.pause(),
    '/too-large': (socket) => socket.send(Buffer.alloc(400_000)),
    '/flood': (socket) => {
      const more = () => {
        if (socket.readyState !== socket.OPEN) return
        flooded += FLOOD_BLOCK.length
        socket.send(FLOOD_BLOCK, () => setImmediate(more))
      }
      more()
    },
  }

  server.on('upgrade', (request, socket: Socket, head) => {
    handshakes.push(request)
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const [, refusal] = /^\/refuses-(\d{3})$/.exec(pathname) ?? []
    // The server sends no response, but it notices that the gateway closes the connection.
    if (pathname === '/never') return void socket.resume().on('end', () => socket.end())
    if (pathname === '/hangs-up') return socket.end()
    if (pathname === '/garbage') return socket.end('this is no HTTP\r\n\r\n')
    if (pathname === '/wrong-key') {
      const lines = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
      return socket.end(`${[...lines, 'Sec-WebSocket-Accept: AAAA'].join('\r\n')}\r\n\r\n`)
    }
    const behave = accepted[pathname]
    if (refusal !== undefined || behave === undefined) {
      const more = refusal === '302' ? 'Location: ws://127.0.0.1:9/elsewhere\r\n' : ''
      const retry_after = searchParams.get('retry-after')
      const retry = retry_after === null ? '' : `Retry-After: ${retry_after}\r\n`
      return socket.end(`HTTP/1.1 ${refusal ?? 404} No\r\n${more}${retry}Content-Length: 0\r\n\r\n`)
    }
    sockets.handleUpgrade(request, socket, head, (accepted_socket) => {
      accepted_socket.on('error', () => undefined)
      accepted_socket.on('ping', () => (pings += 1)).on('pong', () => (pongs += 1))
      accepted_socket.on('close', (code, reason) => closes.push({ code, reason: reason.toString() }))
      behave(accepted_socket, socket)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handshakes,
    closes,
    connections: () => raw.size,
    flooded: () => flooded,
    pings: () => pings,
    pongs: () => pongs,
    async close() {
      for (const socket of raw) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
