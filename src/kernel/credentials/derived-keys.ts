import { hkdfSync } from 'node:crypto'
import type { SigningKeys } from '../config/secrets.js'

const KEY_BYTES = 32

/**
 * Derives a key for one purpose from each private signing key (HKDF, RFC 5869), the current one first. Every replica has
 * the signing keys, and the database does not. After a rotation, the key of the previous signing key still opens what it
 * sealed.
 */
export function derivedKeys(keys: SigningKeys, purpose: string): [Buffer, ...Buffer[]] {
  const [current, ...previous] = keys
    .map((key) => key.private_pem)
    .filter((pem) => pem !== undefined)
    .map((pem) => Buffer.from(hkdfSync('sha256', pem, '', purpose, KEY_BYTES)))
  if (current === undefined) throw new Error('the first signing key is private')
  return [current, ...previous]
}
