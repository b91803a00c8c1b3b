import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Problem, problemBody } from '../problems/problems.js'

/** Sends a problem (RFC 9457). Its members are chosen one by one where it is made, so no schema has to filter them. */
export function sendProblem(problem: Problem, public_url: string, request: FastifyRequest, reply: FastifyReply) {
  noteProblem(problem, request)
  // The connection of a handshake that was not accepted is of no more use: nobody parses what follows.
  if (request.ws) reply.header('connection', 'close')
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type('application/problem+json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(problemBody(problem, public_url, request.id))
}

/** Notes the problem of a request, for the log, the metrics and the audit. */
export function noteProblem(problem: Problem, request: FastifyRequest): void {
  Object.assign(request.findings ?? {}, { problem_code: problem.code, violated: problem.members.violated_policies })
}
