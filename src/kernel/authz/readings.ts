interface Reading<About> {
  readonly about: About
  is_overtaken: boolean
}

/**
 * Readings that are under way. One that was sent before a change can have its answer after the change was passed on. If its
 * result were kept, nothing would ever remove it. So each change overtakes the readings that it concerns, and their results
 * are good for one use only.
 */
export class Readings<About> {
  readonly #running = new Set<Reading<About>>()

  /** Reads, and passes the result to `keep` if no change has overtaken the reading. */
  async read<T>(about: About, read: () => Promise<T>, keep: (result: T) => void): Promise<T> {
    const reading: Reading<About> = { about, is_overtaken: false }
    this.#running.add(reading)
    try {
      const result = await read()
      if (!reading.is_overtaken) keep(result)
      return result
    } finally {
      this.#running.delete(reading)
    }
  }

  /** Marks the readings that a change concerns. */
  overtake(concerns: (about: About) => boolean): void {
    for (const reading of this.#running) if (concerns(reading.about)) reading.is_overtaken = true
  }
}
