/** Milliseconds since 1970; injected, so that tests can move it. */
export type Clock = () => number

/** ISO 8601 in UTC, as every record spells a point in time. */
export function instantOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
