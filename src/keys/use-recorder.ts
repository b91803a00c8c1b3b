import { type Clock, instantOf } from '../storage/clock.js'

/** Keys whose use waits to be written; beyond it the use of further keys goes unnoticed until the next writing. */
const KEYS_MAX = 20_000

export type Secret = 'current' | 'previous'

/** How often a secret was used since the last writing, and when last. */
export interface KeyUse {
  readonly tenant_id: string
  readonly key_id: string
  readonly secret: Secret
  /** Which secret it was, for the rotation that may have come between. */
  readonly digest: Uint8Array
  requests: number
  last_used_at: string
}

export interface KeyUseRecorder {
  /** Notes a request that was let in with this secret. */
  record(tenant_id: string, key_id: string, secret: Secret, digest: Uint8Array): void
  /** Writes what was noted; what cannot be written is kept for the next time. */
  flush(): Promise<number>
}

/** Notes the use of keys in memory: at most one write a minute and key, and none for a use that was refused. */
export function openKeyUseRecorder(clock: Clock, write: (uses: readonly KeyUse[]) => Promise<void>): KeyUseRecorder {
  let uses = new Map<string, KeyUse>()
  return {
    record(tenant_id, key_id, secret, digest) {
      const key = `${tenant_id} ${key_id} ${secret}`
      const found = uses.get(key)
      if (found === undefined) {
        if (uses.size >= KEYS_MAX) return
        uses.set(key, { tenant_id, key_id, secret, digest, requests: 1, last_used_at: instantOf(clock()) })
        return
      }
      found.requests += 1
      found.last_used_at = instantOf(clock())
    },
    async flush() {
      const taken = uses
      if (taken.size === 0) return 0
      uses = new Map()
      try {
        await write([...taken.values()])
        return taken.size
      } catch (error) {
        for (const [key, use] of taken) {
          const later = uses.get(key)
          if (later === undefined) uses.set(key, use)
          else later.requests += use.requests
        }
        throw error
      }
    },
  }
}
