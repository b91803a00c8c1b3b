import type { Test } from 'tap'

/**
 * Numbers from 0 to below 1 that look random and follow from a seed. The output of the test names the seed; RANDOM_SEED
 * repeats a run with it.
 */
export function seededRandom(t: Test): () => number {
  const seed = Number(process.env.RANDOM_SEED ?? Date.now() % 2 ** 32)
  t.comment(`RANDOM_SEED=${seed}`)
  let state = seed
  // Mulberry32.
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
