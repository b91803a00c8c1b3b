import type { LiveEvent } from './events.js'

/**
 * Passes events from writers to listeners. It only saves time: a listener that misses an event finds the message in the
 * database by its number, and reads rights from the database again at an interval.
 */
export interface Bus {
  /** Calls every listener. It does not throw, because the change is already committed. */
  publish(event: LiveEvent): void
  /** Adds a listener. @returns a function that removes it */
  subscribe(listener: (event: LiveEvent) => void): () => void
}

/** Opens a bus within this process. It calls listeners synchronously, in the order of their subscription. */
export function openBus(on_error: (error: unknown) => void): Bus {
  const listeners = new Set<(event: LiveEvent) => void>()
  return {
    publish(event) {
      for (const listener of listeners) {
        try {
          listener(event)
        } catch (error) {
          on_error(error)
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
