import type { Test } from 'tap'

/**
 * Returns the seed of a test with random input. The output of the test shows it. Set RANDOM_SEED to repeat a run. For
 * fast-check, pass it as `seed`.
 */
export function randomSeed(t: Test): number {
  const seed = Number(process.env.RANDOM_SEED ?? Date.now() % 2 ** 32)
  t.comment(`RANDOM_SEED=${seed}`)
  return seed
}

/**
 * Returns a generator of pseudo-random numbers in [0, 1). The output of the test shows the seed. Set RANDOM_SEED to
 * repeat a run.
 */
export function seededRandom(t: Test): () => number {
  let state = randomSeed(t)
  // Mulberry32.
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
