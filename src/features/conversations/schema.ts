import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { type TenantPrincipal, userIdOf } from '../../kernel/authz/principal.js'
import { UUID_PATTERN } from '../../kernel/ids/uuid.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { PageQuery } from '../../kernel/rest/pagination.js'
import { closed, Name, Nullable, Uuid } from '../../kernel/rest/schemas.js'
import { Message, toResponse as toMessageResponse } from './messages/schema.js'
import type { MessageRow } from './messages/table.js'
import {
  CHANNELS,
  CONVERSATION_ROLES,
  CONVERSATION_STATUSES,
  type ConversationRole,
  type ConversationRow,
  VISIBILITIES,
} from './table.js'

/** Counting further than a person would read costs every list. */
export const UNREAD_MAX = 1_000

export const ConversationParams = closed({ id: Uuid })

const Visibility = Type.Enum([...VISIBILITIES], {
  description:
    'tenant: everybody with conversations:view sees it. members: its members alone; for everybody else, and for a key without a user, it does not exist.',
})
const Assignee = Nullable(Uuid)

export const NewConversation = closed({
  title: Name,
  customer_id: Type.Optional(Nullable(Uuid)),
  assignee_id: Type.Optional(Assignee),
  channel: Type.Optional(Type.Enum([...CHANNELS], { description: 'web if not given.' })),
  visibility: Type.Optional(Visibility),
})

export const ConversationChange = closed(
  {
    title: Type.Optional(Name),
    customer_id: Type.Optional(Nullable(Uuid)),
    assignee_id: Type.Optional(Assignee),
    status: Type.Optional(Type.Enum(['open', 'pending', 'closed'], { description: 'handoff is set by a handoff.' })),
    visibility: Type.Optional(Visibility),
  },
  { minProperties: 1 },
)

export const Handoff = closed({
  assignee_id: Nullable(Uuid),
})

export const Conversation = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    customer_id: Nullable(Type.String()),
    channel: Type.Enum([...CHANNELS]),
    status: Type.Enum([...CONVERSATION_STATUSES], { description: 'A closed conversation takes no new messages.' }),
    assignee_id: Nullable(Type.String({ description: 'The user who answers; null for nobody in particular.' })),
    visibility: Type.Enum([...VISIBILITIES]),
    my_role: Nullable(Type.Enum([...CONVERSATION_ROLES])),
    last_message: Nullable(Message),
    last_seq: Type.Integer({ description: 'The seq of the newest message; 0 when there is none.' }),
    unread_count: Nullable(
      Type.Integer({
        description: `Messages of others behind my read marker, counted up to ${UNREAD_MAX}; null for a key.`,
      }),
    ),
    version: Type.Integer({
      description: 'Counts the changes of the conversation itself; the ETag is this in quotes.',
    }),
    created_at: Type.String(),
    updated_at: Type.String(),
    last_activity_at: Type.String({
      description: 'Of the newest message, or of the opening; lists are ordered by it.',
    }),
  },
  { $id: 'Conversation' },
)

export const ConversationQuery = {
  ...PageQuery,
  status: Type.Optional(Type.Enum([...CONVERSATION_STATUSES])),
  customer_id: Type.Optional(Uuid),
  assignee_id: Type.Optional(
    Type.String({
      pattern: `^(none|${UUID_PATTERN})$`,
      description: 'A user id, or none for those of nobody in particular.',
    }),
  ),
  mine: Type.Optional(Type.Enum(['true'], { description: 'Those that I am a member of, or that are assigned to me.' })),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: "Anywhere in the title or in the customer's name, case aside.",
    }),
  ),
}

/** A conversation as one reader sees it. */
export type ConversationResponse = Static<typeof Conversation>

/** A conversation with what its reader has to do with it. */
export interface ConversationRecord extends Omit<ConversationRow, 'tenant_id'> {
  readonly last: MessageRow | null
  readonly my_role: ConversationRole | null
  readonly unread_count: number
}

/** The read marker is a user's, so the number of unread messages is null for a key without a user. */
export function toResponse({ last, ...row }: ConversationRecord, principal: TenantPrincipal): ConversationResponse {
  return {
    ...row,
    last_message: last === null ? null : toMessageResponse(last),
    unread_count: userIdOf(principal) === null ? null : row.unread_count,
  }
}

/**
 * The response to a write. A caller can hold the scope to change a conversation and not the scope to view one: the
 * response then has nothing of its messages.
 */
export function redactFor({ holdings }: FastifyRequest, conversation: ConversationResponse): ConversationResponse {
  if (holds(holdings, 'conversations:view')) return conversation
  return { ...conversation, last_message: null, unread_count: null }
}
