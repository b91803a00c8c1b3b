/** What a suite opened, to be closed in the reverse order, also when the next thing could not be opened. */
export class Opened {
  readonly #parts: { close(): Promise<void> }[] = []

  add<T extends { close(): Promise<void> }>(part: T): T {
    this.#parts.push(part)
    return part
  }

  async close(): Promise<void> {
    for (const part of this.#parts.reverse()) await part.close()
  }
}
