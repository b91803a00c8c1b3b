/** Returns a clock that starts now and runs until `stop`. `advance` moves it forward. */
export function movableClock() {
  let ahead_ms = 0
  let stopped_at: number | undefined
  return {
    now: () => (stopped_at ?? Date.now()) + ahead_ms,
    advance: (milliseconds: number) => {
      ahead_ms += milliseconds
    },
    /** Stops the clock, for code that must finish within a time limit even on a slow machine. */
    stop: () => {
      stopped_at = Date.now()
    },
  }
}
