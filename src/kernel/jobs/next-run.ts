/**
 * Makes a function whose callers share one run: each call gets the result of a run that begins after the call. Runs never
 * overlap, and a run that fails does not stop the next one.
 */
export function nextRun<T>(run: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> = Promise.resolve()
  let next: Promise<T> | undefined
  return () => {
    next ??= running
      .catch(() => undefined)
      .then(() => {
        next = undefined
        const started = run()
        running = started
        return started
      })
    return next
  }
}
