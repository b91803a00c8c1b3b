import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import type { SigningKeys } from '../config/secrets.js'
import { derivedKeys } from './derived-keys.js'

const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_ID_BYTES = 8

/** Encrypts text that the database must hold and must not reveal, because it contains a secret that works. */
export interface Seal {
  /** The ids of the keys that can decrypt, the current one first. An id reveals nothing about its key. */
  readonly key_ids: readonly [string, ...string[]]
  /** Encrypts a text with the current key. */
  seal(text: string): Buffer
  /** Decrypts a text. Returns undefined when no current signing key can decrypt it. */
  open(sealed: Uint8Array): string | undefined
}

/** AES-256-GCM with keys that are derived from the signing keys for one purpose. */
export function openSeal(keys: SigningKeys, purpose: string): Seal {
  const derived = derivedKeys(keys, purpose)
  const [current, ...previous] = derived
  return {
    key_ids: [keyId(current), ...previous.map(keyId)],
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

/** The beginning of the SHA-256 of a key of 256 bits. */
function keyId(key: Buffer): string {
  return hash('sha256', key, 'buffer').toString('hex', 0, KEY_ID_BYTES)
}
