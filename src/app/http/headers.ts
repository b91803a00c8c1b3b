import type { FastifyInstance } from 'fastify'

/** On every answer. Pages that need less than this say so themselves. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

const HSTS = 'max-age=31536000; includeSubDomains'

/** Headers of every answer, set before anything can refuse. */
export function installHeaders(app: FastifyInstance): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(HEADERS)
    reply.header('x-request-id', request.id)
    if (request.protocol === 'https') reply.header('strict-transport-security', HSTS)
    done()
  })
}
