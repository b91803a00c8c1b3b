import { type SQL, sql } from 'drizzle-orm'
import type { KeyUse } from '../../kernel/credentials/key-use.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

const BATCH = 500

/** Adds the use of keys to their rows. */
export class KeyUseCounter {
  constructor(private readonly scope: ReadScope) {}

  /** Finds a secret by its digest, because a rotation may have made it the previous one since its use. */
  async add(given: readonly KeyUse[]): Promise<void> {
    const uses = [...given].sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1))
    for (let start = 0; start < uses.length; start += BATCH) {
      const rows = uses.slice(start, start + BATCH).map(asRow)
      const counted = sql`(values ${sql.join(rows, sql`, `)}) as u (tenant_id, key_id, digest, requests, last_used_at)`
      // An update locks its rows in no fixed order. All replicas lock them in this order first, so that none waits for another
      // one that waits for it.
      await this.scope.queries.execute(sql`
        select from tenant_keys k join ${counted} on k.tenant_id = u.tenant_id and k.id = u.key_id
        order by k.tenant_id, k.id collate "C" for no key update of k`)
      // Two statements, because one statement cannot update a row twice, and both secrets of a key may have been used.
      await this.scope.queries.execute(sql`
        update tenant_keys k set secret_requests = k.secret_requests + u.requests,
          secret_last_used_at = greatest(k.secret_last_used_at, u.last_used_at)
        from ${counted} where k.tenant_id = u.tenant_id and k.id = u.key_id and k.secret_digest = u.digest`)
      await this.scope.queries.execute(sql`
        update tenant_keys k set previous_requests = k.previous_requests + u.requests,
          previous_last_used_at = greatest(k.previous_last_used_at, u.last_used_at)
        from ${counted} where k.tenant_id = u.tenant_id and k.id = u.key_id and k.previous_digest = u.digest`)
    }
  }
}

/** Sorts as the database does: both parts are ASCII. */
function nameOf({ tenant_id, key_id }: KeyUse): string {
  return `${tenant_id} ${key_id}`
}

function asRow({ tenant_id, key_id, digest, requests, last_used_at }: KeyUse): SQL {
  return sql`(${tenant_id}::uuid, ${key_id}::text, ${Buffer.from(digest)}::bytea, ${requests}::bigint, ${last_used_at}::timestamptz)`
}
