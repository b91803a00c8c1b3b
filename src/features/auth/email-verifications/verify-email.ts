import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Limiter } from '../../../kernel/limits/limiter.js'
import { deadLink } from '../dead-link.js'
import { limitLogins } from '../login.js'

/**
 * Verifies an address with the token of a link. The API and the page call it.
 * @throws Problem `not_found`, `rate_limited`
 */
export async function verifyEmail(
  limiter: Limiter,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
): Promise<void> {
  await limitLogins(limiter, request, reply)
  const owner = await request.platform_store.write('user.email_verified', (store) =>
    store.email_verifications.use(token),
  )
  if (owner === undefined) throw deadLink()
}
