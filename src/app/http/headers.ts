import type { FastifyInstance } from 'fastify'

/** The security headers of every response. A page that needs other values sets them itself. */
const HEADERS = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
}

const HSTS = 'max-age=31536000; includeSubDomains'

/** Sets the headers of every response, before any hook can refuse the request. */
export function installHeaders(app: FastifyInstance, isDraining: () => boolean): void {
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers(HEADERS)
    reply.header('x-request-id', request.id)
    // The client opens its next connection, and the load balancer leads it to another replica.
    if (isDraining()) reply.header('connection', 'close')
    if (request.protocol === 'https') reply.header('strict-transport-security', HSTS)
    done()
  })
}
