import { hash, randomInt, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * The written form of a tenant key: `ghk_<id>_<secret><checksum>`; id 12, secret 43 (256 bits), checksum 6, all base62.
 *
 * Scanners find leaked keys by the prefix and the checksum. The gateway refuses a typo without a look-up. The checksum is
 * the CRC-32 of the text before it and protects no secret.
 */
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ID_LENGTH = 12
const SECRET_LENGTH = 43
const CHECKSUM_LENGTH = 6
/** The public id of a key. */
export const KEY_ID = /^[0-9A-Za-z]{12}$/
const KEY = /^ghk_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/

export interface ParsedTenantKey {
  readonly id: string
  readonly secret: string
}

export interface NewTenantKey {
  /** The response contains it once. The gateway stores only its digest. */
  readonly key: string
  readonly id: string
  readonly secret_digest: Buffer
  readonly secret_last_four: string
}

/** Makes a key. 43 characters of base62 hold 256 bits. */
export function createTenantKey(): NewTenantKey {
  return createSecret(randomBase62(ID_LENGTH))
}

/** Makes a new secret for an existing key. */
export function createSecret(id: string): NewTenantKey {
  const secret = randomBase62(SECRET_LENGTH)
  const body = `ghk_${id}_${secret}`
  const key = body + checksum(body)
  return { key, id, secret_digest: digestOfSecret(secret), secret_last_four: key.slice(-4) }
}

/** Parses a key. Returns undefined when its form or its checksum is wrong. */
export function parseTenantKey(text: string): ParsedTenantKey | undefined {
  const match = KEY.exec(text)
  if (match === null) return undefined
  const [, id, secret, given_checksum] = match as unknown as [string, string, string, string]
  return checksum(`ghk_${id}_${secret}`) === given_checksum ? { id, secret } : undefined
}

/** SHA-256 of a secret: it has 256 random bits, so a fast hash keeps it. */
export function digestOfSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}

/** Compares two digests in constant time. */
export function isSameDigest(left: Uint8Array, right: Uint8Array): boolean {
  return left.byteLength === right.byteLength && timingSafeEqual(left, right)
}

function randomBase62(length: number): string {
  return Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('')
}

function checksum(text: string): string {
  let rest = crc32(text)
  let written = ''
  for (let position = 0; position < CHECKSUM_LENGTH; position += 1) {
    written = ALPHABET[rest % ALPHABET.length] + written
    rest = Math.floor(rest / ALPHABET.length)
  }
  return written
}
