import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/**
 * Tells an answer that waits behind another one on its connection that the connection is gone.
 *
 * Node gives a response its socket when its turn has come, and tells it `close` through that socket. One whose turn never
 * comes is told nothing (Node 20): whatever was to be given back at its end would be kept until the next start.
 */
export function closeUnanswered(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    if (reply.raw.socket === null) closeWithConnection(request, reply)
    done()
  })
}

function closeWithConnection({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply): void {
  const close = () => {
    // Its turn came, so it is told by its socket.
    if (raw.socket !== null) return
    // What Node itself notes before it tells.
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
