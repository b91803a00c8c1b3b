/**
 * Makes a function whose callers share one run: a call within `reuse_ms` of the start of a run gets the result of that run.
 * It bounds the cost of a check that any client can request.
 *
 * @param now_ms the time in milliseconds, from any start
 */
export function sharedResult<T>(
  run: () => Promise<T>,
  reuse_ms: number,
  now_ms: () => number = () => performance.now(),
): () => Promise<T> {
  let last: { readonly began_at_ms: number; readonly result: Promise<T> } | undefined
  return () => {
    if (last === undefined || now_ms() - last.began_at_ms >= reuse_ms) last = { began_at_ms: now_ms(), result: run() }
    return last.result
  }
}
