import type { LiveEvent } from './events.js'

/**
 * Carries events from those who wrote to those who listen. It only makes things faster: what it loses is found again in
 * the database, whose messages are numbered, and whose rights are read anew.
 */
export interface Bus {
  /** Tells every listener. Never throws: the change that it tells of has been committed. */
  publish(event: LiveEvent): void
  /** Listens, from now on. @returns how to stop. */
  subscribe(listener: (event: LiveEvent) => void): () => void
}

/** A bus within this process. Listeners are called at once, in the order in which they came. */
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
