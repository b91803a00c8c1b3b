import { hash, hkdfSync, randomBytes } from 'node:crypto'

/** `ghr_` and 256 random bits in base64url. */
const REFRESH_TOKEN = /^ghr_[A-Za-z0-9_-]{43}$/
const SECRET_BYTES = 32
const SALT_BYTES = 32

/** A refresh token, as it is sent; only its digest is kept. */
export function createRefreshToken(): string {
  return `ghr_${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/** Whether a text has the form of a refresh token. */
export function isRefreshToken(text: string): boolean {
  return REFRESH_TOKEN.test(text)
}

/** SHA-256: a token has 256 random bits, so a fast hash keeps it. */
export function digestOfRefreshToken(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

/** A fresh salt for `successorOf`. */
export function createSuccessorSalt(): Buffer {
  return randomBytes(SALT_BYTES)
}

/**
 * The token that follows this one, from the token itself and the salt that was stored when it was used (HKDF, RFC
 * 5869). Two tabs that refresh at once get the same successor, and whoever reads the database gets none.
 */
export function successorOf(token: string, salt: Uint8Array): string {
  const secret = hkdfSync('sha256', token, salt, 'gatehouse refresh token successor', SECRET_BYTES)
  return `ghr_${Buffer.from(secret).toString('base64url')}`
}
