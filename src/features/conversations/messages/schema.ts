import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { AUTHOR_KINDS } from '../../../contract/kinds.js'
import { WAIT_SECONDS_MAX } from '../../../kernel/live/limits.js'
import { holds } from '../../../kernel/permissions/evaluate.js'
import { PageQuery } from '../../../kernel/rest/pagination.js'
import { Nullable, strictObject, Text, Uuid } from '../../../kernel/rest/schemas.js'
import { LOG_NUMBER } from '../log-position.js'
import type { MessageRecord } from './names.js'

const CONTENT_CHARACTERS_MAX = 4_000

export const MessageParams = strictObject({ id: Uuid, message_id: Uuid })

const Content = Text(
  CONTENT_CHARACTERS_MAX,
  `1 to ${CONTENT_CHARACTERS_MAX} characters, not only white space, stored and returned unchanged. It is text/plain: a page must escape it before it shows it as HTML.`,
)

export const NewMessage = strictObject({
  content: Content,
  reply_to: Type.Optional(Nullable(Uuid)),
  customer_id: Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'For a key without a user: the author of the message. It must be the customer of this conversation.',
    }),
  ),
})

export const MessageChange = strictObject({ content: Content })

export const Message = Type.Object(
  {
    id: Type.String(),
    conversation_id: Type.String(),
    seq: Type.Integer({
      description:
        'The number of the message in its conversation: from 1, in the order of writing. Only the retention of the tenant leaves gaps.',
    }),
    change: Type.Integer({
      description:
        'The number of its latest change in the conversation. Writes, edits and deletions of messages have the numbers 1, 2, 3 ...',
    }),
    author: Type.Object({
      kind: Type.Enum([...AUTHOR_KINDS]),
      id: Type.String({ description: 'The id of the user, of the key, or of the customer.' }),
      name: Nullable(
        Type.String({
          description:
            'The name of the author when the message is sent to you. null when the author is deleted, and in the response to a write of a caller without conversations:view.',
        }),
      ),
    }),
    content: Nullable(Type.String({ description: 'text/plain, as it was sent. null when the message is deleted.' })),
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
      pattern: LOG_NUMBER.source,
      description: 'A seq. Returns the messages after it, oldest first. Without it, the newest messages are first.',
    }),
  ),
  changed_after: Type.Optional(
    Type.String({
      'x-documented-as': { type: 'integer', minimum: 0 },
      pattern: LOG_NUMBER.source,
      description:
        'The change up to which you have everything. Returns the messages that were written, edited or deleted after it, each once as it is now, in the order of change. Continue after the change of the last one.',
    }),
  ),
  wait: Type.Optional(
    Type.String({
      'x-documented-as': { type: 'integer', minimum: 0, maximum: WAIT_SECONDS_MAX },
      pattern: '^(1?[0-9]|2[0-5])$',
      description:
        'With after or changed_after: how many seconds to wait if there is nothing yet. The response follows as soon as there is something.',
    }),
  ),
}

/** Returns a message as every reader sees it, over REST and in the stream. */
export type MessageResponse = Static<typeof Message>

export function toResponse(row: MessageRecord): MessageResponse {
  const { id, conversation_id, seq, change, content, reply_to, created_at, edited_at, deleted_at } = row
  const author = { kind: row.author_kind, id: row.author_id, name: row.author_name }
  return { id, conversation_id, seq, change, author, content, reply_to, created_at, edited_at, deleted_at }
}

/** Returns the response to a write. A caller who may not view conversations does not see the name of a customer either. */
export function redactFor({ holdings }: FastifyRequest, message: MessageResponse): MessageResponse {
  if (holds(holdings, 'conversations:view')) return message
  return { ...message, author: { ...message.author, name: null } }
}
