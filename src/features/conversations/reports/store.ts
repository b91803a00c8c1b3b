import { and, desc, eq, getTableColumns, ne, or, type SQL } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { TenantPrincipal } from '../../../kernel/authz/principal.js'
import { mapConstraint } from '../../../kernel/database/errors.js'
import { afterId } from '../../../kernel/database/search.js'
import { asName, knownUserName } from '../../../kernel/identity/names.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { type Caller, userOf } from '../caller.js'
import { holdVisible } from '../hold-visible.js'
import { authorName, principalName } from '../messages/names.js'
import { messages } from '../messages/table.js'
import { message_reports, type ReportRow, type ReportStatus } from './table.js'

/** A report with the names that the people in it have now. */
export interface ReportRecord extends Omit<ReportRow, 'tenant_id'> {
  readonly author_name: string | null
  readonly reporter_name: string | null
  readonly decided_by_name: string | null
}

/** The columns of a report with the names, for a select or a returning. */
export const REPORT_COLUMNS = {
  ...getTableColumns(message_reports),
  author_name: authorName('message_reports').as('author_name'),
  reporter_name: asName(knownUserName('message_reports.tenant_id', 'message_reports.reporter_id')).as('reporter_name'),
  decided_by_name: principalName('message_reports', 'decided_by_kind', 'decided_by').as('decided_by_name'),
}

/**
 * Reads reports. Moderators see the copy of the message in a report, also if they cannot see its conversation. The reported
 * author never learns who the reporter is: a moderator cannot see or decide a report about a message of their own.
 */
export class ReportsReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists the queue of the moderators, newest first. */
  list(status: ReportStatus | undefined, page: Page, principal: TenantPrincipal): Promise<Rows<ReportRecord>> {
    const of_status = status === undefined ? undefined : eq(message_reports.status, status)
    return this.select(and(isOfOthers(principal), of_status), page)
  }

  /** Lists the reports of a user, newest first. @throws Problem `user_required` */
  async mine(page: Page, principal: TenantPrincipal): Promise<Rows<ReportRecord>> {
    return this.select(eq(message_reports.reporter_id, userOf(principal)), page)
  }

  /** @throws Problem `not_found` */
  async get(id: string, principal: TenantPrincipal): Promise<ReportRecord> {
    const [row] = await this.scope.queries
      .select(REPORT_COLUMNS)
      .from(message_reports)
      .where(and(this.isThis(id), isOfOthers(principal)))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  protected isThis(id: string): SQL | undefined {
    return and(eq(message_reports.tenant_id, this.tenant_id), eq(message_reports.id, id))
  }

  private async select(where: SQL | undefined, page: Page): Promise<Rows<ReportRecord>> {
    const rows = await this.scope.queries
      .select(REPORT_COLUMNS)
      .from(message_reports)
      .where(and(eq(message_reports.tenant_id, this.tenant_id), where, afterId(message_reports.id, page.after_id)))
      .orderBy(desc(message_reports.id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }
}

export class ReportsWriter extends ReportsReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /**
   * Reports a message, once per user. The audit event names the report and no user, so that a reported author who reads the
   * audit cannot learn who the reporter is.
   *
   * @throws Problem `user_required`, `not_found`, `invalid_state` for a deleted message, `already_reported`
   */
  async create(
    conversation_id: string,
    message_id: string,
    reason: string,
    { principal }: Caller,
  ): Promise<ReportRecord> {
    const reporter_id = userOf(principal)
    await holdVisible(this.scope, this.tenant_id, conversation_id, principal)
    const [message] = await this.scope.queries
      .select()
      .from(messages)
      .where(
        and(
          eq(messages.tenant_id, this.tenant_id),
          eq(messages.conversation_id, conversation_id),
          eq(messages.id, message_id),
        ),
      )
      .for('share')
    if (message === undefined) throw new Problem('not_found')
    const { content, author_kind, author_id } = message
    if (content === null) throw new Problem('invalid_state', { detail: 'The message is deleted.' })
    const values = { tenant_id: this.tenant_id, id: uuidv7(), conversation_id, message_id, reporter_id, reason }
    const copy = { content, author_kind, author_id }
    const [row] = await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .insert(message_reports)
        .values({ ...values, ...copy, status: 'pending', created_at: this.scope.now })
        .returning(REPORT_COLUMNS),
    )
    const made = row as ReportRecord
    this.recordChange(made, { after: { status: made.status } }, true)
    return made
  }

  /** Decides a report, once. @throws Problem `not_found`, `already_decided` */
  async decide(
    id: string,
    status: 'reviewed' | 'dismissed',
    note: string,
    principal: TenantPrincipal,
  ): Promise<ReportRecord> {
    const decision = {
      status,
      note,
      decided_by_kind: principal.kind,
      decided_by: principal.id,
      decided_at: this.scope.now,
    }
    const [row] = await this.scope.queries
      .update(message_reports)
      .set(decision)
      .where(and(this.isThis(id), isOfOthers(principal), eq(message_reports.status, 'pending')))
      .returning(REPORT_COLUMNS)
    if (row === undefined) {
      await this.get(id, principal)
      throw new Problem('already_decided')
    }
    this.recordChange(row, { before: { status: 'pending' }, after: { status } })
    return row
  }

  private recordChange({ id }: ReportRecord, changes: Record<string, unknown>, is_confidential = false): void {
    this.scope.recordChange({ kind: 'message_report', id, tenant_id: this.tenant_id, changes, is_confidential })
  }
}

/** The condition of a report that is not about a message of the caller. */
function isOfOthers({ kind, id }: TenantPrincipal): SQL | undefined {
  return or(ne(message_reports.author_kind, kind), ne(message_reports.author_id, id))
}

const CONSTRAINTS = {
  message_reports_reporter_key: (cause: unknown) => new Problem('already_reported', { cause }),
}
