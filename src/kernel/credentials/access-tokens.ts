import jwt, { type FastifyJWTOptions, type JWT } from '@fastify/jwt'
import type { FastifyInstance } from 'fastify'
import { v4 as uuidv4 } from 'uuid'
import { ACCESS_TOKEN_SECONDS_MAX } from '../config/env.js'
import type { SigningKeys } from '../config/secrets.js'
import { LOWER_CASE_UUID } from '../ids/uuid.js'
import type { Clock } from '../time/clock.js'
import { hasCanonicalSignature, withCanonicalSignature } from './canonical-signature.js'
import { remembering } from './verified-tokens.js'

const AUDIENCE = 'gatehouse'
const TOKEN_CHARACTERS_MAX = 2048
/** How much the clocks of two replicas may differ. */
const CLOCK_SKEW_SECONDS = 60
/** The header of a token of the gateway: `alg`, `typ` and `kid`. Another member, such as `jku` or `zip`, is not ours. */
const HEADER_MEMBERS = 3
/** A compact JWS (RFC 7515 section 7.1), and no text around it (RFC 8725bis section 3.14). */
const COMPACT_JWS = /^([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/

/** The claims of a valid token. The current rights of its user are in the database. */
export interface AccessTokenClaims {
  readonly user_id: string
  readonly session_id: string
  /** Milliseconds since 1970. */
  readonly expires_at_ms: number
}

export interface AccessTokens {
  /** Signs a token for a session. `expires_in` is in seconds. */
  issue(user_id: string, session_id: string): { readonly access: string; readonly expires_in: number }
  /** Returns the claims of a valid token, `expired` for an expired token, and undefined for any other text. */
  verify(token: string): AccessTokenClaims | 'expired' | undefined
}

interface Payload {
  readonly sub?: unknown
  readonly sid?: unknown
  readonly exp?: unknown
  readonly iat?: unknown
}

/**
 * Issues and verifies access tokens: JWTs of type `at+jwt` (RFC 9068). The first signing key signs, and every key verifies.
 *
 * Each key has its own verifier, which accepts only the algorithm of that key. The `kid` selects one of these keys. The
 * gateway never fetches a key that a token names. A cache keeps verified tokens by the hash of the whole token. Expiry is
 * checked on every request, and what can be revoked is in the database.
 */
export async function accessTokens(
  app: FastifyInstance,
  keys: SigningKeys,
  issuer: string,
  lifetime_seconds: number,
  clock: Clock,
): Promise<AccessTokens> {
  const ring = new Map<string, { readonly jwt: JWT; readonly algorithm: string }>()
  for (const [position, key] of keys.entries()) {
    const namespace = `key${position}`
    const options: FastifyJWTOptions = {
      namespace,
      secret: { private: key.private_pem ?? '', public: key.public_pem },
      sign: {
        algorithm: key.algorithm,
        kid: key.kid,
        iss: issuer,
        aud: AUDIENCE,
        header: { alg: key.algorithm, typ: 'at+jwt' },
      },
      verify: {
        algorithms: [key.algorithm],
        allowedIss: issuer,
        allowedAud: AUDIENCE,
        checkTyp: 'at+jwt',
        requiredClaims: ['iss', 'aud', 'exp', 'iat', 'sub', 'sid', 'jti'],
        clockTolerance: 0,
      },
    }
    await app.register(jwt, options)
    ring.set(key.kid, {
      jwt: (app.jwt as unknown as Record<string, JWT>)[namespace] as JWT,
      algorithm: key.algorithm,
    })
  }
  const signer = ring.get(keys[0].kid)?.jwt as JWT

  const verify = remembering((token: string): AccessTokenClaims | 'expired' | undefined => {
    const kid = kidOf(token)
    const verifier = kid === undefined ? undefined : ring.get(kid)
    if (verifier === undefined || !hasCanonicalSignature(token, verifier.algorithm)) return undefined
    try {
      return claimsOf(verifier.jwt.verify<Payload>(token), Math.floor(clock() / 1000))
    } catch (error) {
      // fast-jwt verifies the signature before it checks the expiry.
      return (error as { code?: string }).code === 'FAST_JWT_EXPIRED' ? 'expired' : undefined
    }
  })

  return {
    issue(user_id, session_id) {
      const iat = Math.floor(clock() / 1000)
      const payload = { sub: user_id, sid: session_id, jti: uuidv4(), iat, exp: iat + lifetime_seconds }
      return { access: withCanonicalSignature(signer.sign(payload), keys[0].algorithm), expires_in: lifetime_seconds }
    },
    verify(token) {
      if (token.length > TOKEN_CHARACTERS_MAX) return undefined
      const claims = verify(token)
      return typeof claims === 'object' && claims.expires_at_ms <= clock() ? 'expired' : claims
    },
  }
}

/** Reads the `kid` of the protected header. It is untrusted until the signature is verified. */
function kidOf(token: string): string | undefined {
  const header = COMPACT_JWS.exec(token)?.[1]
  if (header === undefined) return undefined
  try {
    const members = JSON.parse(Buffer.from(header, 'base64url').toString('utf8')) as { kid?: unknown }
    const { kid } = members
    return typeof kid === 'string' && Object.keys(members).length === HEADER_MEMBERS ? kid : undefined
  } catch {
    return undefined
  }
}

/**
 * Checks the claims of a token with a valid signature. The gateway issues no token for later, and none that lives longer than
 * the longest lifetime that can be configured. The lifetime of this process is not the limit, because another replica may
 * have another one during an update.
 */
function claimsOf({ sub, sid, exp, iat }: Payload, now: number): AccessTokenClaims | undefined {
  if (typeof sub !== 'string' || typeof sid !== 'string' || typeof exp !== 'number' || typeof iat !== 'number') {
    return undefined
  }
  if (!LOWER_CASE_UUID.test(sub) || !LOWER_CASE_UUID.test(sid)) return undefined
  if (iat > now + CLOCK_SKEW_SECONDS || exp > now + ACCESS_TOKEN_SECONDS_MAX + CLOCK_SKEW_SECONDS) return undefined
  return { user_id: sub, session_id: sid, expires_at_ms: exp * 1000 }
}
