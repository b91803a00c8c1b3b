import type { FastifyReply } from 'fastify'
import type { Problem } from '../problems/problems.js'
import { type Limiter, rateLimited, setRateLimitHeaders } from './limiter.js'

/**
 * Counts refused credentials. Returns their problem, or 429 if the budget is used up.
 *
 * Only credentials that are refused anyway get the 429. So a client that guesses cannot lock out the valid credentials of
 * other clients with its address.
 *
 * @param sender the bucket of the client address, or the key that the credentials were sent with
 */
export async function countRefused<P extends Problem>(
  limiter: Limiter,
  reply: FastifyReply,
  sender: string,
  problem: P,
): Promise<P | Problem<'rate_limited'>> {
  const state = await limiter.count('refused', sender)
  if (!state.is_exceeded) return problem
  setRateLimitHeaders(reply, 'refused', state)
  return rateLimited('refused', state.reset_seconds)
}
