/** Where a mistake is: the steps from the top of the file down to it. */
export type Place = readonly (string | number)[]

/** A mistake in the manifest: the line that it stands in, from 1, and why it is one. */
export interface Mistake {
  readonly line: number
  readonly reason: string
}
