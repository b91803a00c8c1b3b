import type { FastifyReply, FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import type { Ending } from '../../../kernel/live/connection.js'
import { EventStream } from '../../../kernel/live/event-stream.js'
import type { Opened } from '../../../kernel/live/live.js'
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
  let subscription: Subscription | undefined
  const transport = new SocketTransport(socket, (ending) => opened.connection.end(ending), clock())
  let opened: Opened
  try {
    opened = live.open(request, required(request.findings.admission), transport, () => subscription?.stop())
  } catch (error) {
    closeFor(socket, asProblem(error))
    return
  }
  const { connection } = opened
  const frames = new ClientFrames({ bus, limiter, clock, public_url }, socket, connection, request.id)
  socket.on('message', (data, is_binary) => {
    transport.heard(clock())
    void frames.onFrame(data, is_binary)
  })
  for (const control of ['ping', 'pong'] as const) {
    socket.on(control, () => {
      transport.heard(clock())
      frames.countControl()
    })
  }
  socket.on('close', () => connection.gone())
  subscription = new Subscription(opened.follower, live.log, connection, transport)
  begin(request, opened, subscription)
}

/** Opens a stream of server-sent events. */
export function openEventStream(options: StreamOptions, request: FastifyRequest, reply: FastifyReply): void {
  const { live, public_url, observe } = options
  let subscription: Subscription | undefined
  const end = (ending: Ending) => opened.connection.end(ending)
  const stream = new EventStream(reply, end, public_url, live.clock())
  const opened = live.open(request, required(request.findings.admission), stream, () => subscription?.stop())
  reply.raw.on('close', () => opened.connection.gone())
  stream.begin()
  observe(request, 200, reply.elapsedTime)
  // If the client disconnected before the listener was attached, no event follows, and the connection would stay counted.
  if (reply.raw.destroyed) opened.connection.gone()
  subscription = new Subscription(opened.follower, live.log, opened.connection, stream)
  begin(request, opened, subscription)
}

/** Closes the connection if the log cannot be read. The client reconnects and continues after its last message. */
function begin(request: FastifyRequest, { connection, follower }: Opened, subscription: Subscription): void {
  const { last_seq, after } = required(request.findings.admission)
  follower
    .reach(last_seq)
    .then(() => (connection.is_open ? subscription.start(after) : undefined))
    .catch((error: unknown) => {
      request.log.warn({ err: error }, 'stream closed: log not readable')
      connection.end({ problem: asProblem(error) })
    })
    .finally(() => (connection.is_open ? undefined : subscription.stop()))
}

function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem('internal_error', { cause: error })
}
