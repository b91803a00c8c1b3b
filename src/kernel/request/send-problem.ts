import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Problem, problemBody } from '../problems/problems.js'

/** Sends a problem (RFC 9457). No schema filters its members, because the code that throws it names each of them. */
export function sendProblem(problem: Problem, public_url: string, request: FastifyRequest, reply: FastifyReply) {
  noteProblem(problem, request)
  // After a refused handshake the connection must close, because the gateway parses no further request on it.
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
  const { code: problem_code, detail, members } = problem
  const told = { detail, members }
  Object.assign(request.findings ?? {}, { problem_code, violated: members.violated_policies, told })
}
