import { and, arrayContains, desc, eq, gte, lt, or, sql } from 'drizzle-orm'
import { QueryBuilder } from 'drizzle-orm/pg-core'
import { type DocumentsRow, documentOf, pageOfDocuments } from '../../kernel/database/documents.js'
import { compiled } from '../../kernel/database/queries.js'
import { SEARCHED_ROWS_MAX } from '../../kernel/database/search.js'
import { Customer } from './schema.js'
import { type CustomerRow, customers } from './table.js'

const builder = new QueryBuilder()
const SEARCHED = [customers.name, customers.email, customers.phone, customers.external_id]

interface ListValues {
  readonly tenant_id: string
  readonly limit: number
  /** One more than `limit`: the last row says that there is another page. */
  readonly rows_max: number
  readonly after_id: string | undefined
  readonly tags: readonly string[] | undefined
  readonly pattern: string | undefined
  /** The last id to search. */
  readonly last_id: string | undefined
}

/** A page of customers as JSON, newest first. */
export const LIST = compiled<ListValues, DocumentsRow>(
  ({ tenant_id, limit, rows_max, after_id, tags, pattern, last_id }) =>
    pageOfDocuments(
      builder
        .select({ id: customers.id, document: documentOf(Customer, customers).as('document') })
        .from(customers)
        .where(
          and(
            eq(customers.tenant_id, tenant_id),
            after_id && lt(customers.id, after_id),
            last_id && gte(customers.id, last_id),
            tags && arrayContains(customers.tags, tags),
            pattern && or(...SEARCHED.map((field) => sql`${field} ilike ${pattern}`)),
          ),
        )
        .orderBy(desc(customers.id))
        .limit(rows_max),
      limit,
    ),
)

/** The id up to which one request searches. */
export const SEARCH_END = compiled<Pick<ListValues, 'tenant_id' | 'after_id'>, { id: string }>(
  ({ tenant_id, after_id }) =>
    builder
      .select({ id: customers.id })
      .from(customers)
      .where(and(eq(customers.tenant_id, tenant_id), after_id && lt(customers.id, after_id)))
      .orderBy(desc(customers.id))
      .limit(1)
      .offset(SEARCHED_ROWS_MAX - 1),
)

/** One customer. */
export const ONE = compiled<{ readonly tenant_id: string; readonly id: string }, CustomerRow>(({ tenant_id, id }) =>
  builder
    .select()
    .from(customers)
    .where(and(eq(customers.tenant_id, tenant_id), eq(customers.id, id))),
)
