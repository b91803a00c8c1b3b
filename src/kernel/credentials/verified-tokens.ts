import { hash } from 'node:crypto'

const TOKENS_KEPT_MAX = 5_000

type Verify<Good> = (token: string) => Good | 'expired' | undefined

/**
 * Remembers what a verification found, by a hash of the whole token, and asks again for what it does not remember. The
 * oldest is forgotten first. Only what is good is kept (objects), and nothing that can change: a signature is what it is,
 * but whether it is still time is for whoever asks.
 *
 * The verifier that is used here could remember by itself. It is asked behind three other questions, which together cost
 * a request more than all that is left of it.
 */
export function remembering<Good extends object>(verify: Verify<Good>): Verify<Good> {
  const verified = new Map<string, Good>()
  return (token) => {
    const name = hash('sha256', token, 'base64')
    const known = verified.get(name)
    if (known !== undefined) return known
    const found = verify(token)
    if (typeof found !== 'object') return found
    if (verified.size >= TOKENS_KEPT_MAX) verified.delete(verified.keys().next().value as string)
    verified.set(name, found)
    return found
  }
}
