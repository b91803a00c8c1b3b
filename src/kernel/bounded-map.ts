/** A map of bounded size. When it is full, a new entry replaces the one that was set the longest ago. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>()

  constructor(private readonly entries_max: number) {}

  get(key: Key): Value | undefined {
    return this.#entries.get(key)
  }

  entries(): IterableIterator<[Key, Value]> {
    return this.#entries.entries()
  }

  /** Sets an entry, and makes it the newest one. */
  set(key: Key, value: Value): void {
    // Deleted first, because a Map keeps the place of an entry that is set again.
    this.#entries.delete(key)
    if (this.#entries.size >= this.entries_max) this.#entries.delete(this.#entries.keys().next().value as Key)
    this.#entries.set(key, value)
  }
}
