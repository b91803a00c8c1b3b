import { and, arrayContains, desc, eq, gte, lt, or, type SQL, sql } from 'drizzle-orm'
import { QueryBuilder } from 'drizzle-orm/pg-core'
import { v7 as uuidv7 } from 'uuid'
import { mapConstraint } from '../../kernel/database/errors.js'
import { compiled } from '../../kernel/database/queries.js'
import { anywhere, SEARCHED_ROWS_MAX } from '../../kernel/database/search.js'
import { Problem } from '../../kernel/problems/problems.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { type CustomerRow, customers } from './table.js'

export type CustomerRecord = Omit<CustomerRow, 'tenant_id'>

export interface CreateCustomerInput {
  readonly name: string
  readonly email?: string | null
  readonly phone?: string | null
  readonly external_id?: string | null
  readonly tags?: string[]
  readonly metadata?: Record<string, unknown>
}

export interface CustomerFilters {
  readonly search?: string
  readonly tag?: string
}

const taken = (field: 'email' | 'phone' | 'external_id') => (cause: unknown) =>
  new Problem('already_exists', {
    detail: `Another customer of this tenant has the same ${field}.`,
    members: { conflicting_field: field },
    cause,
  })

const CONSTRAINTS = {
  customers_email_key: taken('email'),
  customers_phone_key: taken('phone'),
  customers_external_id_key: taken('external_id'),
}

const builder = new QueryBuilder()
const SEARCHED = [customers.name, customers.email, customers.phone, customers.external_id]

interface ListValues {
  readonly tenant_id: string
  readonly limit: number
  readonly after_id: string | undefined
  readonly tags: readonly string[] | undefined
  readonly pattern: string | undefined
  /** The last id to search. */
  readonly last_id: string | undefined
}

const LIST = compiled<ListValues, CustomerRow>(({ tenant_id, limit, after_id, tags, pattern, last_id }) =>
  builder
    .select()
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
    .limit(limit),
)

/** The id up to which one request searches. */
const SEARCH_END = compiled<Pick<ListValues, 'tenant_id' | 'after_id'>, { id: string }>(({ tenant_id, after_id }) =>
  builder
    .select({ id: customers.id })
    .from(customers)
    .where(and(eq(customers.tenant_id, tenant_id), after_id && lt(customers.id, after_id)))
    .orderBy(desc(customers.id))
    .limit(1)
    .offset(SEARCHED_ROWS_MAX - 1),
)

const ONE = compiled<{ readonly tenant_id: string; readonly id: string }, CustomerRow>(({ tenant_id, id }) =>
  builder
    .select()
    .from(customers)
    .where(and(eq(customers.tenant_id, tenant_id), eq(customers.id, id))),
)

export class CustomersReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists customers, newest first: an id starts with the time of its creation. */
  async list(filters: CustomerFilters, page: Page): Promise<Rows<CustomerRecord>> {
    const { tenant_id } = this
    const { limit, after_id } = page
    const last_id = filters.search === undefined ? undefined : await this.searchEnd(after_id)
    const rows = await this.scope.queries.run(
      LIST({
        tenant_id,
        limit: limit + 1,
        after_id,
        tags: filters.tag === undefined ? undefined : [filters.tag],
        pattern: filters.search === undefined ? undefined : anywhere(filters.search),
        last_id,
      }),
    )
    return pageOf(rows, limit, last_id)
  }

  private async searchEnd(after_id: string | undefined): Promise<string | undefined> {
    const [end] = await this.scope.queries.run(SEARCH_END({ tenant_id: this.tenant_id, after_id }))
    return end?.id
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<CustomerRecord> {
    const [row] = await this.scope.queries.run(ONE({ tenant_id: this.tenant_id, id }))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  protected isThis(id: string): SQL | undefined {
    return and(eq(customers.tenant_id, this.tenant_id), eq(customers.id, id))
  }
}

export class CustomersWriter extends CustomersReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** @throws Problem `already_exists` with the field that must be unique */
  async create(input: CreateCustomerInput): Promise<CustomerRecord> {
    const { now } = this.scope
    const [row] = await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .insert(customers)
        .values({ ...input, tenant_id: this.tenant_id, id: uuidv7(), created_at: now, updated_at: now })
        .returning(),
    )
    const record = row as CustomerRow
    this.recordChange(record, Object.keys(input))
    return record
  }

  /** @throws Problem `not_found`, `precondition_failed`, `already_exists` */
  async update(
    id: string,
    change: Partial<CreateCustomerInput>,
    if_match: readonly number[] | undefined,
  ): Promise<CustomerRecord> {
    const before = await this.lock(id, if_match)
    const [row] = await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .update(customers)
        .set({ ...change, version: before.version + 1, updated_at: this.scope.now })
        .where(this.isThis(id))
        .returning(),
    )
    const after = row as CustomerRow
    this.recordChange(after, Object.keys(change))
    return after
  }

  /** @throws Problem `not_found`, `precondition_failed` */
  async delete(id: string, if_match: readonly number[] | undefined): Promise<void> {
    const before = await this.lock(id, if_match)
    await this.scope.queries.delete(customers).where(this.isThis(id))
    this.recordChange(before, [])
  }

  /** Reads the customer and locks the row until the commit, so that the compared version is the changed one. */
  private async lock(id: string, if_match: readonly number[] | undefined): Promise<CustomerRecord> {
    const [row] = await this.scope.queries.select().from(customers).where(this.isThis(id)).for('update')
    if (row === undefined) throw new Problem('not_found')
    assertIfMatch(if_match, row.version)
    return row
  }

  /**
   * The audit holds the names of the fields and no values: its readers may not see customers, and an event stays when the
   * customer is deleted.
   */
  private recordChange({ id }: CustomerRecord, fields: readonly string[]): void {
    this.scope.recordChange({ kind: 'customer', id, tenant_id: this.tenant_id, changes: { fields } })
  }
}
