import { Type } from 'typebox'
import { AUTHOR_KINDS, TENANT_PRINCIPAL_KINDS } from '../../../contract/kinds.js'
import { WAIT_SECONDS_MAX } from '../../../kernel/live/limits.js'
import { PageQuery } from '../../../kernel/rest/pagination.js'
import { closed, Nullable, Uuid } from '../../../kernel/rest/schemas.js'
import { REPORT_STATUSES } from './table.js'

const CONTENT_CHARACTERS_MAX = 4_000
const REASON_CHARACTERS_MAX = 1_000

export const MessageParams = closed({ id: Uuid, message_id: Uuid })

const Content = Type.String({
  minLength: 1,
  maxLength: CONTENT_CHARACTERS_MAX,
  description: `1 to ${CONTENT_CHARACTERS_MAX} characters, kept and answered exactly as they were sent. It is text/plain: whoever shows it in HTML must escape it.`,
})

export const NewMessage = closed({
  content: Content,
  reply_to: Type.Optional(Nullable(Uuid)),
  customer_id: Type.Optional(
    Type.String({
      format: 'uuid',
      description:
        'For a key without a user: these are the words of the customer, who must be the customer of this conversation.',
    }),
  ),
})

export const MessageChange = closed({ content: Content })

export const Message = Type.Object(
  {
    id: Type.String(),
    conversation_id: Type.String(),
    seq: Type.Integer({ description: 'The number of the message in its conversation: from 1, without gaps.' }),
    author: Type.Object({
      kind: Type.Enum([...AUTHOR_KINDS]),
      id: Type.String({ description: 'The id of the user, of the key, or of the customer.' }),
    }),
    content: Nullable(Type.String({ description: 'text/plain, as it was sent; null when the message is deleted.' })),
    reply_to: Nullable(Type.String({ description: 'The id of a message of the same conversation.' })),
    created_at: Type.String(),
    edited_at: Nullable(Type.String()),
    deleted_at: Nullable(Type.String()),
  },
  { $id: 'Message' },
)

export const MessageQuery = {
  ...PageQuery,
  after: Type.Optional(
    Type.String({
      'x-documented-as': { type: 'integer', minimum: 0 },
      pattern: '^(0|[1-9][0-9]{0,8})$',
      description: 'A seq: the messages behind it, oldest first. Without it, the newest first.',
    }),
  ),
  wait: Type.Optional(
    Type.String({
      'x-documented-as': { type: 'integer', minimum: 0, maximum: WAIT_SECONDS_MAX },
      pattern: '^(1?[0-9]|2[0-5])$',
      description:
        'With after: seconds to wait for a message when there is none yet. It is answered as soon as there is one.',
    }),
  ),
}

const Reason = Type.String({ minLength: 1, maxLength: REASON_CHARACTERS_MAX, pattern: '\\S' })

export const NewReport = closed({ reason: Reason })
export const Decision = closed({ note: Reason })
export const ReportParams = closed({ id: Uuid })
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

/** A report as the one who made it sees it. */
export const OwnReport = Type.Object(of_report, { $id: 'OwnReport' })

/** A report as moderators see it. */
export const Report = Type.Object(
  {
    ...of_report,
    reporter_id: Nullable(Type.String({ description: 'Null for a key without a user.' })),
    message: Type.Object(
      {
        content: Type.String(),
        author: Type.Object({ kind: Type.Enum([...AUTHOR_KINDS]), id: Type.String() }),
      },
      { description: 'The message as it was when it was reported; it may have been edited or deleted since.' },
    ),
    note: Nullable(Type.String()),
    decided_by: Nullable(Type.Object({ kind: Type.Enum([...TENANT_PRINCIPAL_KINDS]), id: Type.String() })),
  },
  { $id: 'Report' },
)
