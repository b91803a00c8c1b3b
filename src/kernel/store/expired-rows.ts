import { lt } from 'drizzle-orm'
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core'
import type { ReadScope } from './unit-of-work.js'

/** A table whose rows have no use after `expires_at`. */
export type ExpiringTable = PgTable & { readonly expires_at: PgColumn }

/** The part of a store that deletes the expired rows of these tables. */
export function expiredRowsOf(tables: readonly ExpiringTable[]) {
  return class ExpiredRows {
    constructor(private readonly scope: ReadScope) {}

    async delete(): Promise<void> {
      const { queries, now } = this.scope
      for (const table of tables) await queries.delete(table).where(lt(table.expires_at, now))
    }
  }
}
