/** What ends by itself when its peer is polite. */
interface Closing {
  once(event: 'close', listener: () => void): unknown
  destroy(): unknown
}

/** Ends a connection whose peer has been told that it is over, and does not end it itself in time. */
export function cutOff(closing: Closing, after_ms: number): void {
  const timer = setTimeout(() => closing.destroy(), after_ms).unref()
  closing.once('close', () => clearTimeout(timer))
}
