/** The keys and indexes from the top of a document to a value in it. */
export type JsonPath = readonly (string | number)[]

/** A mistake in the manifest: its line, from 1, and the reason. */
export interface Mistake {
  readonly line: number
  readonly reason: string
}
