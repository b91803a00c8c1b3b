import { hash, randomBytes } from 'node:crypto'

/** `ght_` and 256 random bits in base64url: the token in the link of a mail. */
const ONE_TIME_TOKEN = /^ght_[A-Za-z0-9_-]{43}$/

export interface OneTimeToken {
  /** The gateway sends it in the mail and does not store it. */
  readonly token: string
  readonly digest: Buffer
}

/** Makes a token for a link. */
export function createOneTimeToken(): OneTimeToken {
  const token = `ght_${randomBytes(32).toString('base64url')}`
  return { token, digest: digestOfOneTimeToken(token) }
}

/** SHA-256: a token has 256 random bits, so a fast hash keeps it. */
export function digestOfOneTimeToken(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}

/** Checks the form of a one-time token, before a look-up in the database. */
export function isOneTimeToken(text: string): boolean {
  return ONE_TIME_TOKEN.test(text)
}
