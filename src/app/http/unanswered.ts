import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/**
 * Emits `close` on pipelined responses whose connection has closed.
 *
 * Node assigns the socket to a response when it is first in line, and emits `close` through that socket. A response that
 * never becomes first receives no event (Node 20), so resources that its end should release would stay until the restart.
 */
export function closeUnanswered(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (reply.raw.socket === null) closeWithConnection(request, reply)
    done()
  })
}

function closeWithConnection({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply): void {
  const close = () => {
    // It was first in line, so its socket emits the event.
    if (raw.socket !== null) return
    // Node sets these fields before it emits the event.
    Object.assign(raw, { destroyed: true, _closed: true })
    raw.emit('close')
  }
  if (socket.destroyed) {
    setImmediate(close)
    return
  }
  socket.once('close', close)
  raw.once('close', () => socket.off('close', close))
}
