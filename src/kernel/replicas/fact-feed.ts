import type { FactChange } from './fact-change.js'
import type { Snapshot } from './snapshot.js'

/** The answer to one question of a replica. */
export interface FeedAnswer {
  /** The snapshot in which the changes were read. */
  readonly snapshot: Snapshot
  /** Every change that this snapshot contains and the fence of the question does not. */
  readonly changes: readonly FactChange[]
  /** Whether the row of the replica is still there. Without it no writer waits for the replica. */
  readonly is_registered: boolean
  /** The number of replicas that were seen within two leases. */
  readonly replicas: number
}

/** A registered replica, as a writer sees it. */
export interface RegisteredReplica {
  readonly id: string
  /** The last fence that it has said. */
  readonly fence: Snapshot
  /** Differs after each question of the replica. */
  readonly mark: string
}

/** What a feed tells without a question. Each may be lost while the connection is. */
export interface FeedEvents {
  /** A transaction that changed facts was committed. */
  onChange(): void
  /** A replica has said its fence. */
  onFence(id: string, fence: Snapshot): void
  /** A replica has stopped. */
  onLeave(id: string): void
  /** Another replica, or this one, has sent texts. */
  onAnnounced(from: string, texts: readonly string[]): void
  /** The feed has ended and answers no more. */
  onEnd(): void
}

/** How a replica hears of changes of facts: one connection of its own. Every method rejects when the connection is lost. */
export interface FactFeed {
  /** Adds the row of a replica. Its transaction is durable before this resolves. @returns the first fence */
  register(id: string): Promise<Snapshot>
  /** Says the fence, and asks for the changes after it. `tells` wakes the writers that wait for this fence. */
  ask(id: string, fence: Snapshot, tells: boolean): Promise<FeedAnswer>
  /** All replicas with a row, also those that are gone. */
  registered(): Promise<readonly RegisteredReplica[]>
  /** Deletes changes that every replica has applied, and the rows of replicas that are gone. */
  sweep(): Promise<void>
  /** Sends texts to every replica. */
  announce(from: string, texts: readonly string[]): Promise<void>
  /** Removes the row, so that no writer waits for the replica any more. */
  leave(id: string): Promise<void>
  close(): Promise<void>
}

/** Connects a feed. */
export type ConnectFeed = (events: FeedEvents) => Promise<FactFeed>

/** The time for which a replica may use its memory after it asked, in milliseconds. Writers wait at most this long. */
export const LEASE_MS = 1_000
/** Clocks of two machines can run apart by this much, so a replica stops this much earlier than a writer waits. */
export const LEASE_MARGIN_MS = 20
/** A replica that was not seen for this long has no lease. */
export const GONE_AFTER_MS = 2 * LEASE_MS
