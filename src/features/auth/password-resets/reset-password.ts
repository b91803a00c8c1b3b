import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkNewPassword, type Passwords } from '../../../kernel/credentials/passwords.js'
import type { Limiter } from '../../../kernel/limits/limiter.js'
import { deadLink } from '../dead-link.js'
import { limitLogins } from '../login.js'

export interface ResetParts {
  readonly limiter: Limiter
  readonly passwords: Passwords
}

/**
 * Sets a new password with the token of a link. The API and the page call it.
 * @throws Problem `not_found`, `rate_limited`, `validation_failed`, `service_unavailable`
 */
export async function resetPassword(
  { limiter, passwords }: ResetParts,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  password: string,
): Promise<void> {
  await limitLogins(limiter, request, reply)
  // Reads the link first: an invalid link must not cost a password hash, and a weak password must not use up the link.
  const asked_by = await request.platform_store.read((store) => store.password_resets.ownerOf(token))
  if (asked_by === undefined) throw deadLink()
  checkNewPassword(password, [asked_by.email, asked_by.name])
  const password_hash = await passwords.hash(password)
  const owner = await request.platform_store.write('user.password_reset', (store) =>
    store.password_resets.use(token, password_hash),
  )
  if (owner === undefined) throw deadLink()
}
