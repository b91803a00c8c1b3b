import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import type { SigningKeys } from '../../kernel/config/secrets.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Seals answers that are kept for replays: one may hold a key that is shown once. */
export interface AnswerSeal {
  seal(text: string): Buffer
  /** The text, or undefined when it was sealed with a key that is gone. */
  open(sealed: Uint8Array): string | undefined
}

/**
 * AES-256-GCM under keys derived from the private signing keys (HKDF, RFC 5869), which every replica has and the
 * database has not. After a rotation of signing keys, answers sealed before can still be opened with the previous one.
 */
export function answerSeal(keys: SigningKeys): AnswerSeal {
  const derived = keys
    .map((key) => key.private_pem)
    .filter((pem) => pem !== undefined)
    .map((pem) => Buffer.from(hkdfSync('sha256', pem, '', 'gatehouse idempotent answers', 32)))
  const [current] = derived
  if (current === undefined) throw new Error('the first signing key is private')
  return {
    seal(text) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', current, nonce)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body])
    },
    open(sealed) {
      const bytes = Buffer.from(sealed)
      for (const key of derived) {
        try {
          const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES))
          decipher.setAuthTag(bytes.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
          return decipher.update(bytes.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
        } catch {
          // Sealed with another key of the ring.
        }
      }
      return undefined
    },
  }
}
