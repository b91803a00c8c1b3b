import type { FastifyReply, FastifyRequest } from 'fastify'
import { addressBucket } from '../../kernel/limits/address.js'
import type { Limiter } from '../../kernel/limits/limiter.js'
import { countRefused } from '../../kernel/limits/refused.js'
import { deadLink } from './dead-link.js'
import type { TokenOwner } from './one-time-tokens-store.js'

/**
 * Returns the user of a working link for the page that shows it. It changes nothing, because mail scanners open each link. A
 * token that does not work can be a guess, so it is counted against the address.
 *
 * @throws Problem `not_found`, `rate_limited`
 */
export async function linkOwner(
  limiter: Limiter,
  request: FastifyRequest,
  reply: FastifyReply,
  read: () => Promise<TokenOwner | undefined>,
): Promise<TokenOwner> {
  const owner = await read()
  if (owner === undefined) throw await countRefused(limiter, reply, addressBucket(request.ip), deadLink())
  return owner
}
