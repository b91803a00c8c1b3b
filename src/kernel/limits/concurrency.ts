/** Counts what is open or running at the same time, by a key such as a tenant. */
export class ConcurrencyCounter {
  readonly #counts = new Map<string, number>()

  /** Counts one more, unless the key has `max` already. @returns whether it was counted */
  enter(key: string, max: number): boolean {
    const count = this.count(key)
    if (count >= max) return false
    this.#counts.set(key, count + 1)
    return true
  }

  /** Counts one less. Each `enter` that was counted has one `leave`. */
  leave(key: string): void {
    const count = this.count(key) - 1
    if (count > 0) this.#counts.set(key, count)
    else this.#counts.delete(key)
  }

  count(key: string): number {
    return this.#counts.get(key) ?? 0
  }
}
