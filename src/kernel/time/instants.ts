/** RFC 3339 section 5.6, with the offsets that are in use. PostgreSQL rejects offsets beyond 15:59. */
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-](0\d|1[0-4]):[0-5]\d)$/i
const FIRST_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z')

/**
 * Checks that both JavaScript and PostgreSQL accept a text as a point in time. They differ on the year 0, on leap seconds
 * and on offsets. A value that only one of them accepts would cause a 500.
 */
export function isInstant(text: string): boolean {
  if (!INSTANT.test(text)) return false
  const time_ms = Date.parse(text)
  return time_ms >= FIRST_MS && time_ms <= LAST_MS && isDayOfMonth(text)
}

/** JavaScript reads the 30th of February as the 2nd of March. */
function isDayOfMonth(text: string): boolean {
  const day = text.slice(0, 10)
  return new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)
}
