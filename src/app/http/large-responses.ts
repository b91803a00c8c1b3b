import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Pieces } from '../../kernel/jobs/pieces.js'

/** The operating system takes a piece of this size in a fraction of a millisecond. */
const PIECE_BYTES = 65_536
const PAUSE_MS = 2

/**
 * Sends large responses of open routes, such as the contract, in pieces. To hand a megabyte to the operating system at once
 * holds the event loop for milliseconds, and anybody could ask for it on many connections.
 */
export function sendInPieces(app: FastifyInstance): void {
  const pieces = new Pieces(PAUSE_MS)
  const divide = async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
    if (request.method === 'HEAD' || (typeof payload !== 'string' && !Buffer.isBuffer(payload))) return payload
    // A copy of a buffer would be kept for each client that does not read.
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    if (bytes.length <= PIECE_BYTES) return payload
    reply.header('content-length', bytes.length)
    return Readable.from(inPieces(bytes, pieces), { objectMode: false, highWaterMark: PIECE_BYTES })
  }
  app.addHook('onRoute', (route) => {
    if (route.config?.access?.kind === 'open') route.onSend = [...[route.onSend ?? []].flat(), divide]
  })
}

async function* inPieces(bytes: Buffer, pieces: Pieces): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    await pieces.turn()
    yield bytes.subarray(at, at + PIECE_BYTES)
  }
}
