import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { type TenantPrincipal, userIdOf } from '../../kernel/authz/principal.js'
import { UUID_PATTERN } from '../../kernel/ids/uuid.js'
import { holds } from '../../kernel/permissions/evaluate.js'
import { PageQuery } from '../../kernel/rest/pagination.js'
import { matching, Name, Nullable, strictObject, Uuid } from '../../kernel/rest/schemas.js'
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

/** The limit of the unread count. A higher count would slow down every list. */
export const UNREAD_MAX = 1_000

/** The orders of the list. A list by activity can miss a conversation that moves to its front while a client reads it. */
const ORDERS = ['last_activity', 'created_at'] as const
export type Order = (typeof ORDERS)[number]

export const ConversationParams = strictObject({ id: Uuid })

const Visibility = Type.Enum([...VISIBILITIES], {
  description:
    'tenant: everybody with conversations:view sees it. members: its members alone; for everybody else, and for a key without a user, it does not exist.',
})
const Assignee = Nullable(Uuid)

export const NewConversation = strictObject({
  title: Name,
  customer_id: Type.Optional(Nullable(Uuid)),
  assignee_id: Type.Optional(Assignee),
  channel: Type.Optional(Type.Enum([...CHANNELS], { description: 'The default is web.' })),
  visibility: Type.Optional(Visibility),
})

export const ConversationChange = strictObject(
  {
    title: Type.Optional(Name),
    customer_id: Type.Optional(Nullable(Uuid)),
    assignee_id: Type.Optional(Assignee),
    status: Type.Optional(
      Type.Enum(['open', 'pending', 'closed'], { description: 'A hand-off sets the status handoff.' }),
    ),
    visibility: Type.Optional(Visibility),
  },
  { minProperties: 1 },
)

export const Handoff = strictObject({
  assignee_id: Nullable(Uuid),
})

export const Conversation = Type.Object(
  {
    id: Type.String(),
    title: Type.String(),
    customer_id: Nullable(Type.String()),
    channel: Type.Enum([...CHANNELS]),
    status: Type.Enum([...CONVERSATION_STATUSES], { description: 'A closed conversation accepts no new messages.' }),
    assignee_id: Nullable(Type.String({ description: 'The assigned user; null without an assignment.' })),
    assignee: Nullable(
      Type.Object(
        {
          id: Type.String(),
          name: Nullable(
            Type.String({ description: 'null in the response to a write of a caller without conversations:view.' }),
          ),
        },
        { description: 'The assigned user, with the name that they have now.' },
      ),
    ),
    visibility: Type.Enum([...VISIBILITIES]),
    my_role: Nullable(Type.Enum([...CONVERSATION_ROLES])),
    last_message: Nullable(Message),
    last_seq: Type.Integer({ description: 'The seq of the newest message; 0 without messages.' }),
    last_change: Type.Integer({
      description:
        'The number of the newest change of a message; 0 without messages. changed_after continues after it.',
    }),
    unread_count: Nullable(
      Type.Integer({
        description: `Messages of others after my read marker, up to ${UNREAD_MAX}; null for a key.`,
      }),
    ),
    version: Type.Integer({
      description: 'The number of the version of the conversation. The ETag is this number in quotes.',
    }),
    created_at: Type.String(),
    updated_at: Type.String(),
    last_activity_at: Type.String({
      description: 'The time of the newest message, or of the opening. Lists are ordered by it.',
    }),
  },
  { $id: 'Conversation' },
)

export const ConversationQuery = {
  ...PageQuery,
  order: Type.Optional(
    Type.Enum([...ORDERS], { description: 'Newest first by this time. The default is last_activity.' }),
  ),
  status: Type.Optional(Type.Enum([...CONVERSATION_STATUSES])),
  customer_id: Type.Optional(Uuid),
  assignee_id: Type.Optional(
    Type.String({
      ...matching(`^(none|${UUID_PATTERN})$`, 'must be none or a UUID in lower case'),
      description: 'A user id, or none for conversations without an assignment.',
    }),
  ),
  mine: Type.Optional(
    Type.Enum(['true'], { description: 'Conversations that I am a member of, or that are assigned to me.' }),
  ),
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Text that the title or the name of the customer contains, ignoring case.',
    }),
  ),
}

/** A conversation, as one reader sees it. */
export type ConversationResponse = Static<typeof Conversation>

/** A conversation with the read marker and the membership of its reader, and with the names of those it names by id. */
export interface ConversationRecord extends Omit<ConversationRow, 'tenant_id'> {
  readonly assignee_name: string | null
  readonly last: MessageRow | null
  readonly last_author_name: string | null
  readonly my_role: ConversationRole | null
  readonly unread_count: number
}

/** A read marker belongs to a user, so the number of unread messages is null for a key without a user. */
export function toResponse(
  { last, last_author_name, assignee_name, ...row }: ConversationRecord,
  principal: TenantPrincipal,
): ConversationResponse {
  return {
    ...row,
    assignee: row.assignee_id === null ? null : { id: row.assignee_id, name: assignee_name },
    last_message: last === null ? null : toMessageResponse({ ...last, author_name: last_author_name }),
    unread_count: userIdOf(principal) === null ? null : row.unread_count,
  }
}

/**
 * Returns the response to a write. A caller can hold the scope to change conversations without the scope to view them. The
 * response then holds nothing about messages, and no names.
 */
export function redactFor({ holdings }: FastifyRequest, conversation: ConversationResponse): ConversationResponse {
  if (holds(holdings, 'conversations:view')) return conversation
  const assignee = conversation.assignee && { ...conversation.assignee, name: null }
  return { ...conversation, assignee, last_message: null, unread_count: null }
}
