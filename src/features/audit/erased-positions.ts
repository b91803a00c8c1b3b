import type { Action } from '../../kernel/store/actions.js'

const APPLIED: Action = 'retention.applied'
/** Ranges are looked up by the block of their positions, so that a chain with a million of them is verified in seconds. */
const BLOCK = 1_024
/** No event of the gateway names a longer range. A forged one must not fill the memory. */
const RANGE_MAX = 100_000

/** What the verifier reads of an event. */
interface ToldEvent {
  readonly action: string
  readonly chain_seq: number
  readonly changes: Readonly<Record<string, unknown>>
}

type Range = readonly [first: number, last: number]

/** The positions of a chain of which its events say that the retention erased them. */
export class ErasedPositions {
  readonly #ranges = new Map<number, Range[]>()

  /** Adds the positions that an event names. An event can name only positions before its own. */
  add({ action, chain_seq, changes }: ToldEvent): void {
    const named = action === APPLIED ? changes?.erased_positions : undefined
    if (!Array.isArray(named)) return
    for (const range of named.filter(isRange)) {
      const [first, last] = range
      if (last >= chain_seq) continue
      for (let block = blockOf(first); block <= blockOf(last); block += 1) {
        this.#ranges.set(block, [...(this.#ranges.get(block) ?? []), range])
      }
    }
  }

  has(position: number): boolean {
    const ranges = this.#ranges.get(blockOf(position)) ?? []
    return ranges.some(([first, last]) => first <= position && position <= last)
  }
}

function isRange(value: unknown): value is Range {
  if (!Array.isArray(value) || value.length !== 2 || !value.every(Number.isSafeInteger)) return false
  const [first, last] = value as [number, number]
  return first >= 1 && first <= last && last - first < RANGE_MAX
}

function blockOf(position: number): number {
  return Math.floor(position / BLOCK)
}
