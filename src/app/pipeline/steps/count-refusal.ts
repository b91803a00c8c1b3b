import type { FastifyReply, FastifyRequest } from 'fastify'
import { addressBucket } from '../../../kernel/limits/address.js'
import { countRefused } from '../../../kernel/limits/refused.js'
import type { Problem } from '../../../kernel/problems/problems.js'
import type { Gate } from '../../../kernel/request/gate.js'

/** Counts refused tenant credentials against the client address that sent them, because it may be guessing. */
export function countRefusal<P extends Problem>(
  { limiter }: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  problem: P,
): Promise<P | Problem<'rate_limited'>> {
  return countRefused(limiter, reply, addressBucket(request.ip), problem)
}

/**
 * Counts a refused access token. Only a token that the gateway never signed can be a guess. Expired tokens and revoked
 * sessions are not counted, because a server that calls for many users often sends them. With a verified tenant key the
 * token counts against the key, because the address is that of the tenant's server.
 */
export async function countForgery<P extends Problem>(
  { limiter }: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  problem: P,
): Promise<P | Problem<'rate_limited'>> {
  const { bearer, key } = request.findings
  if (bearer !== 'bad') return problem
  return countRefused(limiter, reply, key === undefined ? addressBucket(request.ip) : `key ${key.id}`, problem)
}
