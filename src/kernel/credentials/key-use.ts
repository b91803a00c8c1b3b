import { type Clock, instantOf } from '../time/clock.js'

/** Secrets whose use waits to be written; beyond it the use of further ones goes unnoticed until the next writing. */
const SECRETS_MAX = 20_000

export type Secret = 'current' | 'previous'

/** How often a secret was used since the last writing, and when last. */
export interface KeyUse {
  readonly tenant_id: string
  readonly key_id: string
  /** Which secret it was: between the use and the writing a rotation may have made it the previous one. */
  readonly digest: Uint8Array
  requests: number
  last_used_at: string
}

export interface KeyUseRecorder {
  /** Notes a request in which the secret of this digest was accepted. */
  record(tenant_id: string, key_id: string, digest: Uint8Array): void
  /** Writes what was noted; what cannot be written is kept for the next time. */
  flush(): Promise<number>
}

/**
 * Notes the use of keys in memory: at most one write a minute and key, and none for a key that was refused. What became
 * of the request does not matter: whoever is out of budget, or lacks a scope, still depends on the secret.
 */
export function openKeyUseRecorder(clock: Clock, write: (uses: readonly KeyUse[]) => Promise<void>): KeyUseRecorder {
  let uses = new Map<string, KeyUse>()
  let being_written = 0
  let writing: Promise<number> = Promise.resolve(0)

  async function writeOut(): Promise<number> {
    const taken = uses
    if (taken.size === 0) return 0
    uses = new Map()
    being_written = taken.size
    try {
      await write([...taken.values()])
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
        uses.set(secret, { tenant_id, key_id, digest, requests: 1, last_used_at: instantOf(clock()) })
        return
      }
      found.requests += 1
      found.last_used_at = instantOf(clock())
    },
    flush() {
      // One at a time: whoever asks while another writes gets an answer that holds for what was noted before.
      writing = writing.then(writeOut, writeOut)
      return writing
    },
  }
}
