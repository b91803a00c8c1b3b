import { hash, hkdfSync, randomBytes } from 'node:crypto'

/** `ghr_` and 256 random bits in base64url. */
const REFRESH_TOKEN = /^ghr_[A-Za-z0-9_-]{43}$/
const SECRET_BYTES = 32
const SALT_BYTES = 32

/** Makes a refresh token. The gateway sends it and stores only its digest. */
export function createRefreshToken(): string {
  return `ghr_${randomBytes(SECRET_BYTES).toString('base64url')}`
}

/** Checks the form of a refresh token. */
export function isRefreshToken(text: string): boolean {
  return REFRESH_TOKEN.test(text)
}

/** SHA-256: a token has 256 random bits, so a fast hash keeps it. */
export function digestOfRefreshToken(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

/** Makes a salt for `successorOf`. */
export function createSuccessorSalt(): Buffer {
  return randomBytes(SALT_BYTES)
}

/**
 * Derives the successor of a token from the token and the salt that was stored when it was used (HKDF, RFC 5869). Two
 * browser tabs that refresh at the same time get the same successor. A reader of the database cannot derive it.
 */
export function successorOf(token: string, salt: Uint8Array): string {
  const secret = hkdfSync('sha256', token, salt, 'gatehouse refresh token successor', SECRET_BYTES)
  return `ghr_${Buffer.from(secret).toString('base64url')}`
}
