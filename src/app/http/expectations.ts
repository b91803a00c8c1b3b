import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * Answers `Expect: 100-continue` (RFC 9110 section 10.1.1) after the pipeline has authorised the request, so that an
 * unauthorised client does not send its body. It ignores any other expectation, as the RFC allows. Node would answer those by
 * itself, without the pipeline and its budgets.
 */
export function answerExpectations(app: FastifyInstance): void {
  const handle = (request: IncomingMessage, response: ServerResponse) => app.server.emit('request', request, response)
  app.server.on('checkContinue', handle)
  app.server.on('checkExpectation', handle)
  app.addHook('preParsing', (request, reply, _payload, done) => {
    if (/\b100-continue\b/i.test(request.headers.expect ?? '')) reply.raw.writeContinue()
    done()
  })
}
