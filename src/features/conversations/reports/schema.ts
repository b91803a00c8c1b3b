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

const NameNow = Type.String({ description: 'The name of now. null for a caller without conversations:view.' })

/** A report, as moderators see it. */
export const Report = Type.Object(
  {
    ...of_report,
    reporter_id: Nullable(Type.String({ description: 'null for a key without a user.' })),
    reporter: Nullable(Type.Object({ id: Type.String(), name: Nullable(NameNow) })),
    message: Type.Object(
      {
        content: Type.String(),
        author: Type.Object({ kind: Type.Enum([...AUTHOR_KINDS]), id: Type.String(), name: Nullable(NameNow) }),
      },
      { description: 'The message at the time of the report. It may have been edited or deleted since.' },
    ),
    note: Nullable(Type.String()),
    decided_by: Nullable(
      Type.Object({ kind: Type.Enum([...TENANT_PRINCIPAL_KINDS]), id: Type.String(), name: Nullable(NameNow) }),
    ),
  },
  { $id: 'Report' },
)

/** Returns a report for its reporter: without the moderator who decided, and without the copy of the message. */
export function toOwnResponse(report: ReportRecord): Static<typeof OwnReport> {
  const { id, conversation_id, message_id, reason, status, created_at, decided_at } = report
  return { id, conversation_id, message_id, reason, status, created_at, decided_at }
}

/**
 * Returns a report for a moderator. A key alone does not see the reporter, because its holder could be the reported author.
 * @param shows_names a moderator can lack the scope to view conversations, and then sees no names
 */
export function toResponse(
  report: ReportRecord,
  principal: TenantPrincipal,
  shows_names: boolean,
): Static<typeof Report> {
  const { content, author_kind, author_id, decided_by_kind, decided_by, reporter_id, note } = report
  const shown = (name: string | null) => (shows_names ? name : null)
  const is_user = userIdOf(principal) !== null
  return {
    ...toOwnResponse(report),
    reporter_id: is_user ? reporter_id : null,
    reporter: is_user ? { id: reporter_id, name: shown(report.reporter_name) } : null,
    message: { content, author: { kind: author_kind, id: author_id, name: shown(report.author_name) } },
    note,
    decided_by:
      decided_by_kind === null || decided_by === null
        ? null
        : { kind: decided_by_kind, id: decided_by, name: shown(report.decided_by_name) },
  }
}
