import type { FastifyRequest } from 'fastify'
import { addressBucket } from '../../../kernel/limits/address.js'
import type { Problem } from '../../../kernel/problems/problems.js'
import type { Gate } from '../../../kernel/request/gate.js'

/** Counts refused credentials against the address that sent them, because it may be guessing. */
export async function countRefusal<P extends Problem>(
  { limiter }: Gate,
  request: FastifyRequest,
  problem: P,
): Promise<P> {
  await limiter.count('refused', addressBucket(request.ip))
  return problem
}

/**
 * As above, for an access token. Only a token that the gateway never signed can be a guess. Expired tokens and revoked
 * sessions are not counted, because a server that calls for many users often sends them.
 */
export async function countForgery<P extends Problem>(gate: Gate, request: FastifyRequest, problem: P): Promise<P> {
  return request.findings.bearer === 'bad' ? countRefusal(gate, request, problem) : problem
}
