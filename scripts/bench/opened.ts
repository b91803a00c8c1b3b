/** The things that a suite opened. They are closed in the reverse order, also if opening the next one fails. */
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
