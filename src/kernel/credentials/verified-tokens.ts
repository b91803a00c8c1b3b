import { hash } from 'node:crypto'
import { BoundedMap } from '../bounded-map.js'

const TOKENS_KEPT_MAX = 5_000

type Verify<Good> = (token: string) => Good | 'expired' | undefined

/**
 * Caches the results of a verification by the hash of the whole token. The oldest entry is evicted first. Only the claims of
 * valid tokens are cached. The caller checks the expiry on every request, because only the signature never changes.
 *
 * fast-jwt has its own cache, but three checks run before it. This cache skips those checks too.
 */
export function remembering<Good extends object>(verify: Verify<Good>): Verify<Good> {
  const verified = new BoundedMap<string, Good>(TOKENS_KEPT_MAX)
  return (token) => {
    const name = hash('sha256', token, 'base64')
    const known = verified.get(name)
    if (known !== undefined) return known
    const found = verify(token)
    if (typeof found !== 'object') return found
    verified.set(name, found)
    return found
  }
}
