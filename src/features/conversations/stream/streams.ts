import type { FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import type { Transport } from '../../../kernel/live/connection.js'
import { EventStream } from '../../../kernel/live/event-stream.js'
import type { Live, Opened } from '../../../kernel/live/live.js'
import { SocketTransport } from '../../../kernel/live/socket.js'
import { Subscription } from '../../../kernel/live/subscription.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { required } from '../../../kernel/request/findings.js'
import { closeFor } from '../../../kernel/sockets/close.js'
import { ClientFrames } from './client-frames.js'
import type { StreamOptions } from './options.js'

/** Opens a stream over a WebSocket. All listeners of the socket are attached before the first await. */
export function openSocket(options: StreamOptions, request: FastifyRequest, socket: WebSocket): void {
  const { live, limiter, public_url } = options
  const { clock, bus } = live
  const transport = new SocketTransport(socket, clock())
  let opened: Opened
  try {
    opened = live.open(request, required(request.findings.admission), transport)
  } catch (error) {
    closeFor(socket, asProblem(error))
    return
  }
  const { connection } = opened
  const standingNow = (open: typeof connection) => live.standingNow(open)
  const frames = new ClientFrames({ bus, limiter, clock, standingNow, public_url }, socket, connection, request.id)
  socket.on('message', (data, is_binary) => {
    transport.onReceived(clock())
    void frames.onFrame(data, is_binary)
  })
  for (const control of ['ping', 'pong'] as const) {
    socket.on(control, () => {
      transport.onReceived(clock())
      frames.countControl()
    })
  }
  socket.on('close', () => connection.gone())
  begin(live, request, opened, transport)
}

/** Opens a stream of server-sent events. */
export function openEventStream(options: StreamOptions, request: FastifyRequest, reply: FastifyReply): void {
  const { live, public_url, observe } = options
  const transport = new EventStream(reply, public_url, live.clock())
  const opened = live.open(request, required(request.findings.admission), transport)
  const { connection } = opened
  reply.raw.on('close', () => connection.gone())
  // A stream has no end that the client could wait for, so a client that closes its sending side has left.
  const { socket } = request.raw
  if (socket.readableEnded) reply.raw.destroy()
  else socket.once('end', () => reply.raw.destroy())
  transport.begin()
  observe(request, 200, reply.elapsedTime)
  // If the client disconnected before the listener was attached, no event follows, and the connection would stay counted.
  if (reply.raw.destroyed) connection.gone()
  begin(live, request, opened, transport)
}

/** Sends events until the connection ends. It ends if the log cannot be read: the client reconnects and continues. */
function begin(live: Live, request: FastifyRequest, { connection, follower }: Opened, transport: Transport): void {
  const { end, after } = required(request.findings.admission)
  const subscription = new Subscription(follower, live.log, connection, transport)
  connection.onEnd(() => subscription.stop())
  follower
    .reach(end)
    .then(() => (connection.is_open ? subscription.start(after) : undefined))
    .catch((error: unknown) => {
      request.log.warn({ err: error }, 'stream closed: log not readable')
      connection.end({ problem: asProblem(error) })
    })
}

function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('internal_error', { cause: error })
}
