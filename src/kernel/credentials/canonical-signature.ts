const S_BYTES = 32
/** The order of the group of the curve P-256 (NIST SP 800-186). */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n
const HALF = bytesOf(ORDER >> 1n)

/**
 * Returns a token with the one form of its signature that the gateway accepts. With ECDSA, two values of `s` are valid for one
 * message; the smaller one is kept. Ed25519 has one value.
 */
export function withCanonicalSignature(token: string, algorithm: string): string {
  const end = token.lastIndexOf('.') + 1
  const signature = Buffer.from(token.slice(end), 'base64url')
  if (!isHigh(signature, algorithm)) return token
  const s = BigInt(`0x${signature.subarray(-S_BYTES).toString('hex')}`)
  const low = Buffer.concat([signature.subarray(0, -S_BYTES), bytesOf(ORDER - s)])
  return token.slice(0, end) + low.toString('base64url')
}

/**
 * Whether a token has the one form of its signature. Other forms would make one token many: with the larger `s`, or with
 * other unused bits in the last character.
 */
export function hasCanonicalSignature(token: string, algorithm: string): boolean {
  const text = token.slice(token.lastIndexOf('.') + 1)
  const signature = Buffer.from(text, 'base64url')
  return signature.toString('base64url') === text && !isHigh(signature, algorithm)
}

function isHigh(signature: Buffer, algorithm: string): boolean {
  return algorithm === 'ES256' && Buffer.compare(signature.subarray(-S_BYTES), HALF) > 0
}

function bytesOf(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(2 * S_BYTES, '0'), 'hex')
}
