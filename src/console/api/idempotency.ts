import { useRef } from 'react'

const KEY_BYTES = 16

/**
 * Returns a function that gives each body its `Idempotency-Key`. A second press after a lost response sends the same key, so
 * the gateway creates the object once. A changed body is another request and gets another key.
 */
export function useIdempotencyKeys(): (body: unknown) => string {
  const last = useRef({ text: '', key: '' })
  return (body) => {
    const text = JSON.stringify(body)
    if (last.current.text !== text) last.current = { text, key: randomText() }
    return last.current.key
  }
}

/** `crypto.randomUUID` needs TLS, which a test installation does not have. */
function randomText(): string {
  return [...crypto.getRandomValues(new Uint8Array(KEY_BYTES))]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join('')
}
