import { and, eq, type SQL } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { type Documents, documentsOf } from '../../kernel/database/documents.js'
import { mapConstraint } from '../../kernel/database/errors.js'
import { anywhere } from '../../kernel/database/search.js'
import { Problem } from '../../kernel/problems/problems.js'
import { assertIfMatch } from '../../kernel/rest/etag.js'
import type { Page } from '../../kernel/rest/pagination.js'
import { forgetAnswers } from '../../kernel/store/idempotency-records.js'
import type { ErasedText } from '../../kernel/store/subject.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { LIST, ONE, SEARCH_END } from './statements.js'
import { type CustomerRecord, type CustomerRow, customers } from './table.js'

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

/**
 * The text of other features about a customer. A deletion requires it, so that no deletion can leave the text behind. All
 * of it works in the transaction of the deletion.
 */
export interface CustomerTexts {
  /** Locks the conversations of the customer, so that no message is added to them. */
  lock(customer_id: string): Promise<void>
  /** Erases as many messages as one transaction may. @returns how many */
  eraseMessages(customer_id: string): Promise<number>
  /** Erases all text about the customer. */
  erase(customer_id: string): Promise<ErasedText>
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

export class CustomersReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists customers, newest first: an id starts with the time of its creation. */
  async list(filters: CustomerFilters, page: Page): Promise<Documents> {
    const { tenant_id } = this
    const { limit, after_id } = page
    const last_id = filters.search === undefined ? undefined : await this.searchEnd(after_id)
    const rows = await this.scope.queries.run(
      LIST({
        tenant_id,
        limit,
        rows_max: limit + 1,
        after_id,
        tags: filters.tag === undefined ? undefined : [filters.tag],
        pattern: filters.search === undefined ? undefined : anywhere(filters.search),
        last_id,
      }),
    )
    return documentsOf(rows, last_id)
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

  /**
   * Deletes the customer, the text about them, and the stored response to their creation.
   * @throws Problem `not_found`, `precondition_failed`
   */
  async delete(id: string, if_match: readonly number[] | undefined, texts: CustomerTexts): Promise<void> {
    const before = await this.hold(id, if_match, texts)
    const erased = await texts.erase(id)
    await this.scope.queries.delete(customers).where(this.isThis(id))
    await forgetAnswers(this.scope, this.tenant_id, [id])
    const has_text = erased.conversations + erased.messages + erased.reports > 0
    this.recordChange(before, [], has_text ? erased : undefined)
  }

  /**
   * Erases a part of the messages of a customer who is going to be deleted.
   * @throws Problem `not_found`, `precondition_failed`
   */
  async erasePart(id: string, if_match: readonly number[] | undefined, texts: CustomerTexts): Promise<void> {
    const before = await this.hold(id, if_match, texts)
    const messages = await texts.eraseMessages(id)
    this.recordChange(before, [], { conversations: 0, messages, reports: 0 })
  }

  /** Records that the actor exports everything about the customer. @throws Problem `not_found` */
  async recordExport(id: string): Promise<void> {
    this.recordChange(await this.get(id), [])
  }

  /** Locks the conversations before the customer, in the order in which a change of a conversation locks them. */
  private async hold(
    id: string,
    if_match: readonly number[] | undefined,
    texts: CustomerTexts,
  ): Promise<CustomerRecord> {
    await texts.lock(id)
    return this.lock(id, if_match)
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
  private recordChange({ id }: CustomerRecord, fields: readonly string[], erased?: ErasedText): void {
    const changes = erased === undefined ? { fields } : { fields, erased }
    this.scope.recordChange({ kind: 'customer', id, tenant_id: this.tenant_id, changes })
  }
}
