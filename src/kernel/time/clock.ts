/** Returns milliseconds since 1970. Callers receive it as a parameter, so that tests can move the time. */
export type Clock = () => number

const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * Formats a point in time as ISO 8601 in UTC, as every record holds it. PostgreSQL does not read the years that JavaScript
 * writes with a sign. A time before or after the four-digit years becomes the first or the last of them: a client can send
 * such a year, and 30 days before it is a time that the gateway computes.
 */
export function instantOf(milliseconds: number): string {
  return new Date(Math.min(Math.max(milliseconds, FIRST_MS), LAST_MS)).toISOString()
}
