import { setTimeout as sleep } from 'node:timers/promises'

/** Tasks that no request waits for: a bounded number of them, which a stop waits for within a bound. */
export class InFlight {
  readonly #tasks = new Set<Promise<void>>()

  constructor(private readonly tasks_max: number) {}

  /** Whether the bound is reached. The caller then refuses or drops new work, so that memory stays bounded. */
  get is_full(): boolean {
    return this.#tasks.size >= this.tasks_max
  }

  /** Keeps a task until it ends. The task must handle its own errors. */
  add(task: Promise<void>): void {
    const tracked = task.finally(() => void this.#tasks.delete(tracked))
    this.#tasks.add(tracked)
  }

  /** Waits until every task has ended, or for `ms_max`. @returns how many tasks have not ended */
  async settled(ms_max: number): Promise<number> {
    const bound = new AbortController()
    const end = sleep(ms_max, undefined, { signal: bound.signal }).catch(() => undefined)
    await Promise.race([Promise.all(this.#tasks), end])
    bound.abort()
    return this.#tasks.size
  }
}
