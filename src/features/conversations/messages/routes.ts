import type { FastifyRequest } from 'fastify'
import type { Limiter } from '../../../kernel/limits/limiter.js'
import type { LogPosition } from '../../../kernel/live/conversation-log.js'
import { WAIT_SECONDS_MAX } from '../../../kernel/live/limits.js'
import type { Live } from '../../../kernel/live/live.js'
import { waitForChange } from '../../../kernel/live/long-poll.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { tenant } from '../../../kernel/request/access.js'
import { pageSchema, positionOf, readOrderedPage, sendPage } from '../../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { callerOf, principalOf } from '../caller.js'
import { logPositionOf } from '../log-position.js'
import { ConversationParams } from '../schema.js'
import { consumeMessage } from './budgets.js'
import {
  Message,
  MessageChange,
  MessageParams,
  MessageQuery,
  type MessageResponse,
  NewMessage,
  redactFor,
} from './schema.js'

const tags = ['conversations']

/** The longest wait, plus the time for the response. */
const HANDLER_MS_MAX = (WAIT_SECONDS_MAX + 10) * 1000

interface MessagesOptions {
  readonly limiter: Limiter
  readonly live: Live
}

/** The messages of a conversation. Listeners receive a message after its commit. */
const messages: Routes<MessagesOptions> = async (app, { limiter, live }) => {
  app.get(
    '',
    {
      config: { ...tenant('conversations:view'), handler_ms_max: HANDLER_MS_MAX },
      schema: {
        operationId: 'listMessages',
        summary: 'List messages: newest first, those after a seq, or those that changed',
        description:
          'With wait, and after or changed_after, it is a long poll, for clients that can open neither a socket nor a stream. While it waits, it counts as a connection. Only changed_after returns edits and deletions.',
        tags,
        params: ConversationParams,
        querystring: strictObject(MessageQuery),
        response: { 200: pageSchema(Message), ...problems('invalid_cursor', 'not_found', 'too_many_connections') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const { wait } = request.query
      const after = logPositionOf(request.query)
      if (wait !== undefined) await waitForChange(live, request, id, checkedAfter(after), Number(wait))
      const page = await request.tenant_store.read(async (store) => {
        await store.conversations.visible(id, principalOf(request))
        return store.messages.list(id, after, readOrderedPage(request))
      })
      const orderOf = ({ seq, change }: MessageResponse) => (after !== undefined && 'change' in after ? change : seq)
      return sendPage(request, reply, page, (message) => positionOf(orderOf(message), message.id))
    },
  )

  app.post(
    '',
    {
      // A replay shows the current message: deleted if it was deleted since, and nothing for a caller who was removed since.
      config: { ...tenant('conversations:reply'), replayed: messageNow },
      schema: {
        operationId: 'createMessage',
        summary: 'Send a message',
        description:
          'The message gets the next seq of its conversation. Its author is the user, or the key if it calls without a user, or the customer whom the key names.',
        tags,
        params: ConversationParams,
        body: NewMessage,
        response: { 201: Message, ...problems('key_required', 'not_found', 'conversation_closed') },
      },
    },
    async (request, reply) => {
      await consumeMessage(limiter, request, reply, request.body.customer_id)
      const { id } = request.params
      const message = await request.tenant_store.write('message.created', (store) =>
        store.messages.create(id, request.body, callerOf(request)),
      )
      reply.code(201).header('location', `/v1/conversations/${id}/messages/${message.id}`)
      return reply.send(redactFor(request, message))
    },
  )

  app.get(
    '/:message_id',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'getMessage',
        summary: 'Get a message',
        tags,
        params: MessageParams,
        response: { 200: Message, ...problems('not_found') },
      },
    },
    (request) => messageNow(request, { id: request.params.message_id }),
  )

  app.patch(
    '/:message_id',
    {
      config: tenant('conversations:reply'),
      schema: {
        operationId: 'updateMessage',
        summary: 'Edit my message',
        tags,
        params: MessageParams,
        body: MessageChange,
        response: {
          200: Message,
          ...problems('not_author', 'not_found', 'conversation_closed', 'invalid_state'),
        },
      },
    },
    async (request) => {
      const { id, message_id } = request.params
      const message = await request.tenant_store.write('message.updated', (store) =>
        store.messages.update(id, message_id, request.body.content, callerOf(request)),
      )
      return redactFor(request, message)
    },
  )

  app.delete(
    '/:message_id',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'deleteMessage',
        summary: 'Delete a message',
        description:
          'Its author, an owner or moderator of the conversation, and a caller with conversations:moderate can delete it. The message keeps its position and its seq, and loses its content.',
        tags,
        params: MessageParams,
        response: { 204: NoContent, ...problems('not_author', 'not_found') },
      },
    },
    async (request, reply) => {
      await request.tenant_store.write('message.deleted', (store) =>
        store.messages.delete(request.params.id, request.params.message_id, callerOf(request)),
      )
      return reply.code(204).send(null)
    },
  )
}
export default messages

/** Reads the current message. @throws Problem `not_found` */
function messageNow(request: FastifyRequest, message: { readonly id: string }): Promise<MessageResponse> {
  const { id } = request.params as { id: string }
  return request.tenant_store.read(async (store) => {
    await store.conversations.visible(id, principalOf(request))
    return redactFor(request, await store.messages.get(id, message.id))
  })
}

/** @throws Problem `validation_failed` for wait without a position */
function checkedAfter(after: LogPosition | undefined): LogPosition {
  if (after !== undefined) return after
  throw invalidField('/wait', 'requires changed_after or after: where to continue')
}
