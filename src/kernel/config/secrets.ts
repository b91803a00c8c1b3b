import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { calculateJwkThumbprint, type JWK } from 'jose'
import type { StorageConfig } from './config.js'
import { ConfigurationError, type Environment } from './env.js'

export type SigningAlgorithm = 'ES256' | 'EdDSA'

/** One signing key. The key determines the algorithm, and the token does not (RFC 8725 section 3.1). */
export interface SigningKey {
  readonly kid: string
  readonly algorithm: SigningAlgorithm
  /** Undefined for a key that only verifies. */
  readonly private_pem: string | undefined
  readonly public_pem: string
  /** The public key as the published key set contains it. */
  readonly public_jwk: JWK
}

/** The first key signs. All keys verify. */
export type SigningKeys = readonly [SigningKey, ...SigningKey[]]

/** Values that the gateway never prints. Each is passed only to the code that needs it. */
export interface Secrets {
  readonly signing_keys: SigningKeys
}

const GENERATED_KEYS_FILE = 'signing-keys.json'
const SIGNING_KEYS_MAX = 8

/**
 * Loads the signing keys from `JWT_SIGNING_KEYS`: a JWK Set, or the path of a file that holds one. The first key is the
 * current one. With the embedded database and without the variable, they are in `DATA_DIR`, and the first start makes them.
 *
 * @throws ConfigurationError. Its message holds no part of the value.
 */
export async function loadSecrets(environment: Environment, storage: StorageConfig): Promise<Secrets> {
  const given = environment.JWT_SIGNING_KEYS
  if (given !== undefined) {
    return { signing_keys: await parseSigningKeys(given.trimStart().startsWith('{') ? given : readKeyFile(given)) }
  }
  if (storage.engine === 'pooled') throw new ConfigurationError('JWT_SIGNING_KEYS: must be set with DATABASE_URL')
  return { signing_keys: await parseSigningKeys(generatedOnce(storage.data_dir)) }
}

/** Makes an ES256 key, as a JWK Set of one key. Every JOSE library verifies ES256. */
export function generateSigningKeys(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] })
}

/** Reads a JWK Set (RFC 7517 section 5) of EC P-256 and Ed25519 keys. */
export async function parseSigningKeys(text: string): Promise<SigningKeys> {
  const { keys } = parseJson(text) as { keys?: unknown }
  if (!Array.isArray(keys) || keys.length === 0 || keys.length > SIGNING_KEYS_MAX) {
    throw refuse(`must be a JWK Set of 1 to ${SIGNING_KEYS_MAX} keys`)
  }
  const ring = await Promise.all(keys.map((jwk, position) => parseSigningKey(jwk, position)))
  if (ring[0]?.private_pem === undefined) throw refuse('the first key must be a private key: it signs')
  if (new Set(ring.map((key) => key.kid)).size !== ring.length)
    throw refuse('two keys are the same or have the same kid')
  return ring as unknown as SigningKeys
}

async function parseSigningKey(jwk: unknown, position: number): Promise<SigningKey> {
  const given = jwk as JWK | null
  const algorithm = algorithmOf(given)
  if (given === null || algorithm === undefined) {
    throw refuse(`key ${position + 1} must be an EC key on P-256 (ES256) or an Ed25519 key (EdDSA)`)
  }
  if (given.alg !== undefined && given.alg !== algorithm) throw refuse(`key ${position + 1} names another algorithm`)
  if (given.use !== undefined && given.use !== 'sig') throw refuse(`key ${position + 1} is not for signing`)
  const { private_key, public_key } = importKey(given, position)
  const exported = public_key.export({ format: 'jwk' }) as JWK
  const kid = given.kid ?? (await calculateJwkThumbprint(exported))
  if (typeof kid !== 'string' || !/^[A-Za-z0-9._~-]{1,128}$/.test(kid))
    throw refuse(`key ${position + 1} has an invalid kid: use letters, digits and . _ ~ -`)
  return {
    kid,
    algorithm,
    private_pem: private_key?.export({ type: 'pkcs8', format: 'pem' }).toString(),
    public_pem: public_key.export({ type: 'spki', format: 'pem' }).toString(),
    public_jwk: { ...exported, kid, alg: algorithm, use: 'sig' },
  }
}

function algorithmOf(jwk: JWK | null): SigningAlgorithm | undefined {
  if (jwk?.kty === 'EC' && jwk.crv === 'P-256') return 'ES256'
  if (jwk?.kty === 'OKP' && jwk.crv === 'Ed25519') return 'EdDSA'
  return undefined
}

function importKey(jwk: JWK, position: number): { private_key: KeyObject | undefined; public_key: KeyObject } {
  try {
    const source = { key: jwk as Record<string, string>, format: 'jwk' as const }
    if (jwk.d === undefined) return { private_key: undefined, public_key: createPublicKey(source) }
    const private_key = createPrivateKey(source)
    const public_key = createPublicKey(private_key as never)
    if (PRIVATE_PART.test(jwk.d) && isPair(private_key, public_key)) return { private_key, public_key }
  } catch {
    // The message of the library does not help, and it might quote the key.
  }
  throw refuse(`key ${position + 1} is damaged or too short`)
}

/** 32 bytes in base64url: the private part of both kinds of key (RFC 7518 section 6.2.2.1, RFC 8037 section 2). */
const PRIVATE_PART = /^[A-Za-z0-9_-]{43}$/

/** Whether the private and the public half belong together. OpenSSL does not check it, and would sign tokens that no public key verifies. */
function isPair(private_key: KeyObject, public_key: KeyObject): boolean {
  const algorithm = private_key.asymmetricKeyType === 'ec' ? 'sha256' : null
  const probe = Buffer.from('probe')
  return verify(algorithm, probe, public_key, sign(algorithm, probe, private_key))
}

function generatedOnce(data_dir: string): string {
  const path = join(data_dir, GENERATED_KEYS_FILE)
  if (existsSync(path)) return readFileSync(path, 'utf8')
  mkdirSync(data_dir, { recursive: true })
  const keys = generateSigningKeys()
  writeFileSync(path, keys, { mode: 0o600 })
  return keys
}

function readKeyFile(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    throw refuse('is neither a JWK Set nor the path of a readable file')
  }
}

function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value
  } catch {
    // The message of the parser would quote the value, so it is dropped.
  }
  throw refuse('is not JSON')
}

function refuse(reason: string): ConfigurationError {
  return new ConfigurationError(`JWT_SIGNING_KEYS: ${reason}`)
}
