import { type Static, Type } from 'typebox'
import { AUTHOR_KINDS, TENANT_PRINCIPAL_KINDS } from '../../../contract/kinds.js'
import { type TenantPrincipal, userIdOf } from '../../../kernel/authz/principal.js'
import { PageQuery } from '../../../kernel/rest/pagination.js'
import { Nullable, strictObject, Text, Uuid } from '../../../kernel/rest/schemas.js'
import type { ReportRecord } from './store.js'
import { REPORT_STATUSES } from './table.js'

const REASON_CHARACTERS_MAX = 1_000
const Reason = Text(REASON_CHARACTERS_MAX, 'Text that the people who decide read.')

export const NewReport = strictObject({ reason: Reason })
export const Decision = strictObject({ note: Reason })
export const ReportParams = strictObject({ id: Uuid })
export const ReportQuery = { ...PageQuery, status: Type.Optional(Type.Enum([...REPORT_STATUSES])) }

const of_report = {
  id: Type.String(),
  conversation_id: Type.String(),
  message_id: Type.String(),
  reason: Type.String(),
  status: Type.Enum([...REPORT_STATUSES]),
  created_at: Type.String(),
  decided_at: Nullable(Type.String()),
}

/** A report, as its reporter sees it. */
export const OwnReport = Type.Object(of_report, { $id: 'OwnReport' })

/** A report, as moderators see it. */
export const Report = Type.Object(
  {
    ...of_report,
    reporter_id: Nullable(Type.String({ description: 'null for a key without a user.' })),
    message: Type.Object(
      {
        content: Type.String(),
        author: Type.Object({ kind: Type.Enum([...AUTHOR_KINDS]), id: Type.String() }),
      },
      { description: 'The message at the time of the report. It may have been edited or deleted since.' },
    ),
    note: Nullable(Type.String()),
    decided_by: Nullable(Type.Object({ kind: Type.Enum([...TENANT_PRINCIPAL_KINDS]), id: Type.String() })),
  },
  { $id: 'Report' },
)

/** Returns a report for its reporter: without the moderator who decided, and without the copy of the message. */
export function toOwnResponse(report: ReportRecord): Static<typeof OwnReport> {
  const { id, conversation_id, message_id, reason, status, created_at, decided_at } = report
  return { id, conversation_id, message_id, reason, status, created_at, decided_at }
}

/** Returns a report for a moderator. A key alone does not see the reporter, because its holder could be the reported author. */
export function toResponse(report: ReportRecord, principal: TenantPrincipal): Static<typeof Report> {
  const { content, author_kind, author_id, decided_by_kind, decided_by, reporter_id, note } = report
  return {
    ...toOwnResponse(report),
    reporter_id: userIdOf(principal) === null ? null : reporter_id,
    message: { content, author: { kind: author_kind, id: author_id } },
    note,
    decided_by: decided_by_kind === null || decided_by === null ? null : { kind: decided_by_kind, id: decided_by },
  }
}
