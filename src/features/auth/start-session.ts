import type { FastifyRequest } from 'fastify'
import type { AccessTokens } from '../../kernel/credentials/access-tokens.js'
import type { VerifiedLogin } from '../../kernel/identity/verified-login.js'
import type { SignedIn } from './logins-store.js'

export interface SessionParts {
  readonly access_tokens: AccessTokens
  readonly refresh_token_seconds: number
}

/**
 * Starts a session of a user who has just proved who they are, and returns its tokens as a login does.
 * @throws Problem `invalid_credentials` if the user has changed since the proof
 */
export async function startSession(parts: SessionParts, request: FastifyRequest, login: SignedIn & VerifiedLogin) {
  const { session_id, refresh } = await request.platform_store.write('session.started', (store) =>
    store.sessions.start({
      login,
      address: request.ip,
      user_agent: request.headers['user-agent'] ?? null,
      lifetime_seconds: parts.refresh_token_seconds,
    }),
  )
  return tokenPair(parts, login, session_id, refresh)
}

/** The tokens of a session, as a client receives them. */
export function tokenPair(
  { access_tokens }: SessionParts,
  { id, email, name, is_operator }: SignedIn,
  session_id: string,
  refresh: string,
) {
  return {
    ...access_tokens.issue(id, session_id),
    refresh,
    token_type: 'Bearer',
    user: { id, email, name, is_operator },
  }
}
