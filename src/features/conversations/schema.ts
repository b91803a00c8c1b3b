import { Type } from 'typebox'
import { UUID_PATTERN } from '../../kernel/ids/uuid.js'
import { PageQuery } from '../../kernel/rest/pagination.js'
import { closed, Name, Nullable, Uuid } from '../../kernel/rest/schemas.js'
import { Message } from './messages/schema.js'
import { UNREAD_MAX } from './reader.js'
import { CHANNELS, CONVERSATION_ROLES, CONVERSATION_STATUSES, VISIBILITIES } from './table.js'

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

export const ReadMarkerWish = closed({ seq: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) })

export const ReadMarker = Type.Object(
  {
    conversation_id: Type.String(),
    user_id: Type.String(),
    seq: Type.Integer(),
    updated_at: Type.String(),
  },
  { $id: 'ReadMarker' },
)
