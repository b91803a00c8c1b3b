/** A clock that starts now and moves when it is told to. */
export function movableClock() {
  let ahead_ms = 0
  return {
    now: () => Date.now() + ahead_ms,
    advance: (milliseconds: number) => {
      ahead_ms += milliseconds
    },
  }
}
