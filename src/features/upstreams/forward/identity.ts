import jwt, { type JWT } from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import { BoundedMap } from '../../../kernel/bounded-map.js'
import type { SigningKeys } from '../../../kernel/config/secrets.js'
import type { Clock } from '../../../kernel/time/clock.js'

/** The lifetime of a token in seconds: long enough for a request, and too short to be worth stealing. */
const LIFETIME_SECONDS = 60
/** How long a token is reused. A signature costs more than the rest of forwarding a request. */
const REUSED_SECONDS = 30
const TOKENS_KEPT_MAX = 10_000

/** The caller, as an upstream sees it: the principal, and its current scopes at that upstream. */
export interface Identity {
  readonly tenant_id: string
  readonly user_id: string | undefined
  readonly key_id: string
  /** The scopes of the upstream that the caller holds, separated by spaces. */
  readonly scopes: string
}

/** Signs an identity for the upstream with this name. */
export type IdentityTokens = (upstream: string, identity: Identity) => string

/**
 * Makes identity tokens: JWTs of 60 s whose audience is the upstream. The key that signs access tokens signs them, and an
 * upstream verifies them with the key set of the gateway. Their type differs from that of access tokens, so that neither is
 * accepted as the other (RFC 8725 section 3.11). Another upstream rejects them by their audience (section 3.9).
 *
 * The cache key is the content of a token, so a caller who loses a scope gets another token with the next request.
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
  const kept = new BoundedMap<string, { readonly token: string; readonly until_ms: number }>(TOKENS_KEPT_MAX)

  return (upstream, identity) => {
    const { tenant_id, user_id, key_id, scopes } = identity
    const name = `${upstream} ${tenant_id} ${user_id} ${key_id} ${scopes}`
    const now_ms = clock()
    const known = kept.get(name)
    // After the clock was set back, a cached token would be from the future.
    if (known !== undefined && known.until_ms > now_ms && known.until_ms <= now_ms + REUSED_SECONDS * 1000) {
      return known.token
    }
    const iat = Math.floor(now_ms / 1000)
    const subject = user_id ?? key_id
    const claims = { aud: upstream, sub: subject, tenant_id, user_id, key_id, scope: scopes }
    const token = signer.sign({ ...claims, iat, exp: iat + LIFETIME_SECONDS })
    kept.set(name, { token, until_ms: now_ms + REUSED_SECONDS * 1000 })
    return token
  }
}
