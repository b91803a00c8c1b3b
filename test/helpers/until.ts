import { setTimeout as sleep } from 'node:timers/promises'

export interface Patience {
  readonly within_ms?: number | undefined
  /** Larger than the default if each call of `ask` is itself counted, for example by a budget. */
  readonly every_ms?: number
}

/** Calls `ask` until it returns a truthy value. @throws if this takes longer than `within_ms` */
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
