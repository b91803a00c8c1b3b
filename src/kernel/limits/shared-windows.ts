/** What a replica asks for when it takes a share of a budget. */
export interface Demand {
  /** Requests that this replica has counted in the window. */
  readonly counted: number
  /** Requests that wait. They get a share as long as anything is left. */
  readonly needed: number
  /** The largest share. It gets smaller when little is left. */
  readonly share: number
  readonly quota: number
  readonly replicas: number
  /** The time until the window ends, if this is the first that all replicas hear of it. */
  readonly left_ms: number
}

/** A window as all replicas see it. */
export interface SeenWindow {
  /** Requests that all replicas count for this one: those that it has counted, and the shares that it has taken. */
  readonly own: number
  /** The part of `own` that this call has added. */
  readonly granted: number
  /** Requests that all replicas count for the others. */
  readonly others: number
  readonly left_ms: number
}

/**
 * The windows of all budgets, as all replicas see them. A window has one count for each replica, which only that replica
 * raises, and never lowers. So an answer that is lost, a call that arrives twice, and a store that has lost its data are
 * mended by the next call (a grow-only counter: Shapiro et al., "A comprehensive study of convergent and commutative
 * replicated data types", INRIA 2011, section 3.1.1).
 */
export interface SharedWindows {
  /** Whether the windows can be reached. Must cost nothing, because every request asks. */
  isUp(): boolean
  /** Adds a listener that is called when the windows can be reached again. It can use them at once. */
  onUp(listener: () => void): void
  /**
   * Raises the count of this replica to what it has counted, and adds a share.
   * @throws Error within RedisLink's time limit if the windows do not answer; then `isUp` is false
   */
  take(key: string, demand: Demand): Promise<SeenWindow>
}
