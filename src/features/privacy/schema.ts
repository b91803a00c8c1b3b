import { type Static, Type } from 'typebox'
import { strictObject, Uuid } from '../../kernel/rest/schemas.js'
import type { MessageResponse } from '../conversations/messages/schema.js'
import type { Report } from '../conversations/reports/schema.js'
import type { ConversationResponse } from '../conversations/schema.js'
import type { Customer } from '../customers/schema.js'

export const ExportParams = strictObject({ id: Uuid })

export const EXPORT_TYPE = 'application/x-ndjson; charset=utf-8'

/** What an export contains, and what it leaves out because the caller cannot see it. */
export interface ExportEnd {
  readonly conversations: number
  readonly messages: number
  readonly reports: number
  readonly hidden_conversations: number
  readonly hidden_messages: number
}

/** A line of an export. */
export type ExportedObject =
  | { readonly kind: 'customer'; readonly customer: Static<typeof Customer> }
  | { readonly kind: 'conversation'; readonly conversation: ConversationResponse }
  | { readonly kind: 'message'; readonly message: MessageResponse }
  | { readonly kind: 'report'; readonly report: Static<typeof Report> }
  | ({ readonly kind: 'end' } & ExportEnd)

export const CustomerExport = {
  description:
    'One object per line, each with its kind: the customer; each conversation, followed by its messages; messages of the customer in other conversations; reports; and end, which counts them. An export without the line end is not complete.',
  content: Object.fromEntries([[EXPORT_TYPE.split(';')[0], { schema: Type.String() }]]),
}
