import { setTimeout as sleep } from 'node:timers/promises'
import { LEASE_MS } from './fact-feed.js'

/** What a writer waits for between its commit and its answer. */
export interface Barrier {
  /**
   * Waits until no replica decides by what was before a committed transaction. Never rejects.
   * @param xid the number of the transaction
   */
  pass(xid: string): Promise<void>
}

/** The barrier of a command that is no replica. It hears of no fence, so it waits for as long as a lease can last. */
export const LEASE_BARRIER: Barrier = { pass: async () => void (await sleep(LEASE_MS)) }
