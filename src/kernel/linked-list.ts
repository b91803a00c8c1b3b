/** A value in a list. */
export interface Link<T> {
  value: T | undefined
  before: Link<T> | undefined
  after: Link<T> | undefined
}

/**
 * A list of what is under way: one is added and removed with every request.
 *
 * Not a Set: V8 replaces the table of a Set after every few removals, and each table refers to the next one. Once the garbage
 * collector has moved one of these tables to the old generation, everything that was ever in a later table counts as reachable,
 * and is moved there too, with the whole request that it belongs to. A link refers to nothing after its removal.
 */
export class LinkedList<T> {
  #first: Link<T> | undefined
  #last: Link<T> | undefined

  /** Adds a value at the end. @returns its link, for `remove` */
  add(value: T): Link<T> {
    const link: Link<T> = { value, before: this.#last, after: undefined }
    if (this.#last === undefined) this.#first = link
    else this.#last.after = link
    this.#last = link
    return link
  }

  /** Removes a link. It may have been removed before. */
  remove(link: Link<T>): void {
    if (link.value === undefined) return
    const { before, after } = link
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    link.value = link.before = link.after = undefined
  }

  /** The oldest value; undefined if there is none. */
  first(): T | undefined {
    return this.#first?.value
  }

  /** Removes the oldest value. @returns it */
  shift(): T | undefined {
    const link = this.#first
    const value = link?.value
    if (link !== undefined) this.remove(link)
    return value
  }
}
