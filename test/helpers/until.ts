import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience {
  readonly within_ms?: number | undefined
  /** More than the default where asking itself is counted. */
  readonly every_ms?: number
}

/** Asks again until the answer is true-like; throws when it takes too long. */
export async function until<T>(
  what: string,
  ask: () => T | Promise<T>,
  { within_ms = 30_000, every_ms = 10 }: Patience = {},
): Promise<NonNullable<T>> {
  const deadline = Date.now() + within_ms
  for (;;) {
    const answer = await ask()
    if (answer) return answer
    if (Date.now() > deadline) throw new Error(`not within ${within_ms} ms: ${what}`)
    await sleep(every_ms)
  }
}
