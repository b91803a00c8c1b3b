import type { Demand, SeenWindow, SharedWindows } from '../../../src/kernel/limits/shared-windows.js'

interface Stored {
  readonly counts: Map<string, number>
  ends_at_ms: number
}

/** What becomes of the calls of a replica. */
export interface Reach {
  isUp(): boolean
  onUp(listener: () => void): void
  next(): 'answered' | 'answer lost' | 'not sent'
}

export const REACHABLE: Reach = { isUp: () => true, onUp: () => undefined, next: () => 'answered' }

/** The shared windows of all replicas in one memory, by the rules of SharedWindows. Tests compare Redis with it. */
export class WindowModel {
  readonly #windows = new Map<string, Stored>()

  constructor(private readonly now: () => number) {}

  take(replica: string, key: string, demand: Demand): SeenWindow {
    const { counted, needed, share, quota, replicas, left_ms } = demand
    const known = this.#windows.get(key)
    const window = known !== undefined && known.ends_at_ms > this.now() ? known : { counts: new Map(), ends_at_ms: 0 }
    const stored = window.counts.get(replica) ?? 0
    const others = [...window.counts].reduce((sum, [id, count]) => (id === replica ? sum : sum + count), 0)
    const before = Math.max(stored, counted)
    const rest = Math.max(0, quota - others - before)
    const granted = Math.min(rest, Math.max(needed, Math.min(share, Math.floor(rest / (2 * replicas)))))
    const own = before + granted
    if (own > 0) {
      if (window.ends_at_ms === 0) window.ends_at_ms = this.now() + left_ms
      window.counts.set(replica, own)
      this.#windows.set(key, window)
    }
    return { own, others, granted, left_ms: window.ends_at_ms === 0 ? left_ms : window.ends_at_ms - this.now() }
  }

  /** All data is lost, as when Redis starts again. */
  clear(): void {
    this.#windows.clear()
  }

  /** The windows as one replica sees them. */
  asSeenBy(replica: string, reach: Reach): SharedWindows {
    return {
      isUp: () => reach.isUp(),
      onUp: (listener) => reach.onUp(listener),
      take: async (key, demand) => {
        const fate = reach.next()
        if (fate === 'not sent') throw new Error('not sent')
        const seen = this.take(replica, key, demand)
        if (fate === 'answer lost') throw new Error('the answer is lost')
        return seen
      },
    }
  }
}
