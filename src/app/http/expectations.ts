import type { FastifyInstance } from 'fastify'

/** Sends `100 Continue` (RFC 9110 section 10.1.1) to a client that waits for it, once the request is authorised. */
export function answerExpectations(app: FastifyInstance): void {
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (/\b100-continue\b/i.test(request.headers.expect ?? '')) reply.raw.writeContinue()
    done()
  })
}
