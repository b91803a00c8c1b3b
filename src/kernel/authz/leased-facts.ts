import { ChangeListeners, type Replica } from '../replicas/replica.js'
import { concerns, FactMemory, isWhole, type MemoryBounds } from './fact-memory.js'
import type { Claims, Facts } from './facts.js'
import type { FactsReader, FactsSource } from './facts-reader.js'
import { Readings } from './readings.js'

/** What the memory of facts has done, for metrics. */
export interface MemoryCounts {
  /** Requests that were decided from memory. */
  readonly hits: number
  /** Requests whose facts were read from the database. */
  readonly misses: number
  readonly entries: number
}

export interface LeasedFacts extends FactsReader {
  counts(): MemoryCounts
}

/**
 * Reads facts from memory while the replica has a lease, and from the database otherwise. The promise of `FactsReader` stays:
 * facts are never older than the request, as far as a change has been answered anywhere.
 */
export function leasedFacts(inner: FactsSource, replica: Replica, bounds?: MemoryBounds): LeasedFacts {
  const memory = new FactMemory(bounds)
  const readings = new Readings<Claims>()
  const listeners = new ChangeListeners()
  const counts = { hits: 0, misses: 0 }

  replica.onChanges((changes) => {
    if (changes === 'unknown') {
      memory.clear()
      readings.overtake(() => true)
    } else {
      for (const change of changes) {
        memory.drop(change)
        readings.overtake((claims) => concerns(change, claims))
      }
    }
    listeners.tell(changes)
  })

  const readAndKeep = (claims: Claims): Promise<Facts> =>
    readings.read(
      claims,
      () => inner.read(claims),
      (facts) => {
        if (isWhole(claims, facts)) memory.put(claims, facts)
      },
    )

  return {
    read(claims) {
      const known = replica.hasLease() ? memory.get(claims) : undefined
      if (known === undefined) {
        counts.misses += 1
        return readAndKeep(claims)
      }
      counts.hits += 1
      return known
    },
    onChanges: (listener) => listeners.add(listener),
    counts: () => ({ ...counts, entries: memory.size }),
  }
}
