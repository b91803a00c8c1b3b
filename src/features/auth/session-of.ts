import type { FastifyRequest } from 'fastify'

/** The id of the session of a signed-in user. Only for routes of the access `user`, where no key is the principal. */
export function sessionOf({ principal }: FastifyRequest): string {
  if (principal.kind === 'key') throw new Error('a key has no session')
  return principal.session_id
}
