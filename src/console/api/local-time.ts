const MINUTE_MS = 60_000

/** An instant as a control for local times has it. Empty without an instant, and for text that is none. */
export function toLocalTime(instant: string | undefined): string {
  const date = new Date(instant ?? '')
  if (Number.isNaN(date.getTime())) return ''
  return new Date(date.getTime() - date.getTimezoneOffset() * MINUTE_MS).toISOString().slice(0, 16)
}

/** The instant of a control for local times. Undefined if it is empty. */
export function toInstant(local: string): string | undefined {
  return local === '' ? undefined : new Date(local).toISOString()
}
