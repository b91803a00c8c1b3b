/** A clock that starts now. It runs until it is stopped, and moves when it is told to. */
export function movableClock() {
  let ahead_ms = 0
  let stopped_at: number | undefined
  return {
    now: () => (stopped_at ?? Date.now()) + ahead_ms,
    advance: (milliseconds: number) => {
      ahead_ms += milliseconds
    },
    /** For what must happen within a time, however slow the machine is. */
    stop: () => {
      stopped_at = Date.now()
    },
  }
}
