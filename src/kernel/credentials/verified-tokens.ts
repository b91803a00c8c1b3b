import { hash } from 'node:crypto'

const TOKENS_KEPT_MAX = 5_000

type Verify<Good> = (token: string) => Good | 'expired' | undefined

/**
 * Caches the results of a verification by the hash of the whole token. The oldest entry is evicted first. Only the claims of
 * valid tokens are cached. The caller checks the expiry on every request, because only the signature never changes.
 *
 * fast-jwt has its own cache, but three checks run before it. This cache skips those checks too.
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
