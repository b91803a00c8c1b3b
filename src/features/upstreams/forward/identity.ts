import jwt, { type JWT } from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import type { SigningKeys } from '../../../kernel/config/secrets.js'
import type { Clock } from '../../../kernel/time/clock.js'

/** Long enough for a request, too short to be worth stealing. */
const LIFETIME_SECONDS = 60
/** A token is used again for so long: a signature costs more than everything else that is done to a request. */
const REUSED_SECONDS = 30
const TOKENS_KEPT_MAX = 10_000

/** What an upstream is told of a caller: whom the pipeline found, and what they may do there at this moment. */
export interface Identity {
  readonly tenant_id: string
  readonly user_id: string | undefined
  readonly key_id: string
  /** Of the scopes that the upstream knows, those that the caller holds, with spaces between them. */
  readonly scopes: string
}

/** Signs an identity for the upstream of this name. */
export type IdentityTokens = (upstream: string, identity: Identity) => string

/**
 * Identity tokens: JWT of 60 s whose audience is the upstream, signed by the key that signs access tokens, verifiable
 * with the gateway's key set. Their type is another one than that of access tokens, so that neither is taken for the
 * other (RFC 8725 section 3.11), and no other upstream takes them (section 3.9).
 *
 * What a token says is what it is remembered by: whoever loses a scope has another token with the next request.
 */
export async function identityTokens(
  app: FastifyInstance,
  keys: SigningKeys,
  issuer: string,
  clock: Clock,
): Promise<IdentityTokens> {
  const [key] = keys
  const namespace = 'upstream_identity'
  await app.register(jwt, {
    namespace,
    secret: { private: key.private_pem ?? '', public: key.public_pem },
    sign: { algorithm: key.algorithm, kid: key.kid, iss: issuer, header: { alg: key.algorithm, typ: 'identity+jwt' } },
  })
  const signer = (app.jwt as unknown as Record<string, JWT>)[namespace] as JWT
  const kept = new Map<string, { readonly token: string; readonly until_ms: number }>()

  return (upstream, identity) => {
    const { tenant_id, user_id, key_id, scopes } = identity
    const name = `${upstream} ${tenant_id} ${user_id} ${key_id} ${scopes}`
    const now_ms = clock()
    const known = kept.get(name)
    // A clock that was set back must not make a token of the future.
    if (known !== undefined && known.until_ms > now_ms && known.until_ms <= now_ms + REUSED_SECONDS * 1000) {
      return known.token
    }
    const iat = Math.floor(now_ms / 1000)
    const subject = user_id ?? key_id
    const claims = { aud: upstream, sub: subject, tenant_id, user_id, key_id, scope: scopes }
    const token = signer.sign({ ...claims, iat, exp: iat + LIFETIME_SECONDS })
    kept.delete(name)
    if (kept.size >= TOKENS_KEPT_MAX) kept.delete(kept.keys().next().value as string)
    kept.set(name, { token, until_ms: now_ms + REUSED_SECONDS * 1000 })
    return token
  }
}
