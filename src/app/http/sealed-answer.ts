import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import type { SigningKeys } from '../../kernel/config/secrets.js'
import { derivedKeys } from './derived-keys.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Encrypts stored responses for replays, because one may hold a key that is shown once. */
export interface AnswerSeal {
  seal(text: string): Buffer
  /** Decrypts a text. Returns undefined when no current signing key can decrypt it. */
  open(sealed: Uint8Array): string | undefined
}

/** AES-256-GCM with keys derived from the signing keys. */
export function answerSeal(keys: SigningKeys): AnswerSeal {
  const derived = derivedKeys(keys, 'gatehouse idempotent answers')
  const [current] = derived
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
          // Encrypted with another signing key.
        }
      }
      return undefined
    },
  }
}
