import { hash, randomBytes } from 'node:crypto'

/** `ght_` and 256 random bits in base64url: what a link in a mail holds. */
const ONE_TIME_TOKEN = /^ght_[A-Za-z0-9_-]{43}$/

export interface OneTimeToken {
  /** Goes into the mail and nowhere else. */
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

/** Whether a text has the form of such a token; nothing else is looked up. */
export function isOneTimeToken(text: string): boolean {
  return ONE_TIME_TOKEN.test(text)
}
