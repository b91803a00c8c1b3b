import { type Clock, instantOf } from '../time/clock.js'

/** Secrets with unwritten uses. Beyond this number, the recorder ignores further secrets until the next write. */
const SECRETS_MAX = 20_000

export type Secret = 'current' | 'previous'

/** How often a secret was used since the last write, and when it was last used. */
export interface KeyUse {
  readonly tenant_id: string
  readonly key_id: string
  /** Identifies the secret. Between the use and the write, a rotation may have made it the previous one. */
  readonly digest: Uint8Array
  readonly requests: number
  readonly last_used_at: string
}

/** A count in memory. */
interface Counted extends Omit<KeyUse, 'requests' | 'last_used_at'> {
  requests: number
  last_used_at_ms: number
}

export interface KeyUseRecorder {
  /** Counts a request that was authenticated with the secret of this digest. */
  record(tenant_id: string, key_id: string, digest: Uint8Array): void
  /** Writes the counts. If the write fails, they are kept for the next one. Returns the number of secrets. */
  flush(): Promise<number>
}

/**
 * Counts the use of keys in memory, so that each key costs at most one write per minute. A key that was refused is not
 * counted. A request that was refused later, for its budget or its scopes, is counted: its client still uses the secret.
 */
export function openKeyUseRecorder(clock: Clock, write: (uses: readonly KeyUse[]) => Promise<void>): KeyUseRecorder {
  let uses = new Map<string, Counted>()
  let being_written = 0
  let writing: Promise<number> = Promise.resolve(0)

  async function writeOut(): Promise<number> {
    const taken = uses
    if (taken.size === 0) return 0
    uses = new Map()
    being_written = taken.size
    try {
      await write([...taken.values()].map(written))
      return taken.size
    } catch (error) {
      for (const [secret, use] of taken) {
        const later = uses.get(secret)
        if (later === undefined) uses.set(secret, use)
        else later.requests += use.requests
      }
      throw error
    } finally {
      being_written = 0
    }
  }

  return {
    record(tenant_id, key_id, digest) {
      const secret = Buffer.from(digest.buffer, digest.byteOffset, digest.byteLength).toString('latin1')
      const found = uses.get(secret)
      if (found === undefined) {
        if (uses.size + being_written >= SECRETS_MAX) return
        uses.set(secret, { tenant_id, key_id, digest, requests: 1, last_used_at_ms: clock() })
        return
      }
      found.requests += 1
      found.last_used_at_ms = clock()
    },
    flush() {
      // One write at a time. A flush during a write waits for it, and then writes what was counted before the call.
      writing = writing.then(writeOut, writeOut)
      return writing
    },
  }
}

function written({ last_used_at_ms, ...counted }: Counted): KeyUse {
  return { ...counted, last_used_at: instantOf(last_used_at_ms) }
}
