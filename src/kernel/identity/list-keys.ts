import { and, desc, eq } from 'drizzle-orm'
import { afterId, searchOf } from '../database/search.js'
import { pageOf, type Rows } from '../rest/pagination.js'
import type { SearchedPage } from '../rest/search.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { type KeyRecord, keyRecord } from './insert-key.js'
import { tenant_keys } from './keys-table.js'

/** Lists the keys of a tenant, including revoked ones, by descending id. A search looks at names and ids. */
export async function listKeys(
  { queries }: ReadScope,
  tenant_id: string,
  page: SearchedPage,
): Promise<Rows<KeyRecord>> {
  const { id, name } = tenant_keys
  const candidates = and(eq(tenant_keys.tenant_id, tenant_id), afterId(id, page.after_id))
  const { condition, searched_to } = await searchOf(queries, page.search, { id, candidates, columns: [name, id] })
  const rows = await queries
    .select()
    .from(tenant_keys)
    .where(and(candidates, condition))
    .orderBy(desc(id))
    .limit(page.limit + 1)
  return pageOf(rows.map(keyRecord), page.limit, searched_to)
}
