/** Returns milliseconds since 1970. Callers receive it as a parameter, so that tests can move the time. */
export type Clock = () => number

/** Formats a point in time as ISO 8601 in UTC, as every record holds it. */
export function instantOf(milliseconds: number): string {
  return new Date(milliseconds).toISOString()
}
