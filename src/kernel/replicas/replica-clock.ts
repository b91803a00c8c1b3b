/** The clocks and timers of a replica. A test that runs through orders of events brings its own. */
export interface ReplicaClock {
  /** Milliseconds that never go back. They can stand still while the machine sleeps. */
  monotonic(): number
  /** Milliseconds of the day. They go on while the machine sleeps, and can be set. */
  wall(): number
  /** Calls back after a time in milliseconds. @returns a function that cancels it */
  after(ms: number, callback: () => void): () => void
}

export const SYSTEM_CLOCK: ReplicaClock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, Math.max(0, ms))
    return () => clearTimeout(timer)
  },
}
