import type { FactChange } from '../replicas/fact-change.js'
import { ChangeListeners, type Replica } from '../replicas/replica.js'
import { concerns, FactMemory, isWhole, type MemoryBounds } from './fact-memory.js'
import type { Claims, Facts } from './facts.js'
import type { FactsReader, FactsSource } from './facts-reader.js'

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

/** A reading that is under way. A change that it may not contain makes its result good for one use only. */
interface Reading {
  readonly claims: Claims
  is_overtaken: boolean
}

/**
 * Reads facts from memory while the replica has a lease, and from the database otherwise. The promise of `FactsReader` stays:
 * facts are never older than the request, as far as a change has been answered anywhere.
 *
 * A reading that was sent before a change can have its answer after the change was passed on. If it were kept, nothing
 * would ever remove it. So every change also marks the readings that it concerns.
 */
export function leasedFacts(inner: FactsSource, replica: Replica, bounds?: MemoryBounds): LeasedFacts {
  const memory = new FactMemory(bounds)
  const readings = new Set<Reading>()
  const listeners = new ChangeListeners()
  const counts = { hits: 0, misses: 0 }

  replica.onChanges((changes) => {
    if (changes === 'unknown') {
      memory.clear()
      for (const reading of readings) reading.is_overtaken = true
    } else {
      for (const change of changes) {
        memory.drop(change)
        markOvertaken(readings, change)
      }
    }
    listeners.tell(changes)
  })

  const readAndKeep = async (claims: Claims): Promise<Facts> => {
    const reading: Reading = { claims, is_overtaken: false }
    readings.add(reading)
    try {
      const facts = await inner.read(claims)
      if (!reading.is_overtaken && isWhole(claims, facts)) memory.put(claims, facts)
      return facts
    } finally {
      readings.delete(reading)
    }
  }

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

function markOvertaken(readings: ReadonlySet<Reading>, change: FactChange): void {
  for (const reading of readings) if (concerns(change, reading.claims)) reading.is_overtaken = true
}
