import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'

/**
 * `Expect` (RFC 9110 section 10.1.1). A client that waits for 100 is told to go on after the pipeline let its request
 * pass, so the body of a stranger does not even travel. Any other expectation is ignored, as the RFC allows: Node would
 * answer it by itself, past the pipeline and its budgets.
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
