/**
 * A moment up to half an interval ago, as the start of a repeated check. Without it, connections that all begin together
 * after a restart would also be pinged and checked together.
 *
 * @returns milliseconds since 1970
 */
export function withJitter(now_ms: number, every_ms: number): number {
  return now_ms - Math.random() * (every_ms / 2)
}
