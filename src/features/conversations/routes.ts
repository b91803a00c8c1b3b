import { tenant } from '../../kernel/request/access.js'
import { etagOf, ifMatchVersions } from '../../kernel/rest/etag.js'
import { pageSchema, positionOf, readOrderedPage, sendPage } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../kernel/rest/schemas.js'
import { callerOf, principalOf } from './caller.js'
import {
  Conversation,
  ConversationChange,
  ConversationParams,
  ConversationQuery,
  Handoff,
  NewConversation,
  redactFor,
} from './schema.js'

const tags = ['conversations']

/** The conversations of a tenant. */
const conversations: Routes = async (app) => {
  app.get(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'listConversations',
        summary: 'List conversations, newest first',
        description:
          'By default the order is that of the latest activity. A conversation that gets a message while you read the pages moves to the front, so it can be on none of your pages. To read all conversations, use order=created_at: no conversation moves, and new ones come before the first page.',
        tags,
        querystring: strictObject(ConversationQuery),
        response: { 200: pageSchema(Conversation), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) =>
        store.conversations.list(request.query, readOrderedPage(request), principalOf(request)),
      )
      const { order = 'last_activity' } = request.query
      return sendPage(request, reply, page, ({ id, created_at, last_activity_at }) =>
        positionOf(Date.parse(order === 'created_at' ? created_at : last_activity_at), id),
      )
    },
  )

  app.post(
    '',
    {
      config: tenant('conversations:edit'),
      schema: {
        operationId: 'createConversation',
        summary: 'Open a conversation',
        description:
          'The user who opens the conversation becomes its owner. If a key without a user opens it, it has no owner yet.',
        tags,
        body: NewConversation,
        response: { 201: Conversation },
      },
    },
    async (request, reply) => {
      const conversation = await request.tenant_store.write('conversation.created', (store) =>
        store.conversations.create(request.body, callerOf(request)),
      )
      return reply
        .code(201)
        .headers({ etag: etagOf(conversation.version), location: `/v1/conversations/${conversation.id}` })
        .send(redactFor(request, conversation))
    },
  )

  app.get(
    '/:id',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'getConversation',
        summary: 'Get a conversation',
        tags,
        params: ConversationParams,
        response: { 200: Conversation, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      const conversation = await request.tenant_store.read((store) =>
        store.conversations.visible(request.params.id, principalOf(request)),
      )
      reply.header('etag', etagOf(conversation.version))
      return conversation
    },
  )

  app.patch(
    '/:id',
    {
      config: tenant('conversations:edit'),
      schema: {
        operationId: 'updateConversation',
        summary: 'Update a conversation',
        description:
          'A field that is not sent keeps its value. Owners and moderators of the conversation change the title. Only owners change the visibility. With If-Match, the gateway updates only the version that you read.',
        tags,
        params: ConversationParams,
        body: ConversationChange,
        response: {
          200: Conversation,
          ...problems('conversation_role_required', 'not_found', 'precondition_failed'),
        },
      },
    },
    async (request, reply) => {
      const conversation = await request.tenant_store.write('conversation.updated', (store) =>
        store.conversations.update(request.params.id, request.body, ifMatchVersions(request), callerOf(request)),
      )
      reply.header('etag', etagOf(conversation.version))
      return redactFor(request, conversation)
    },
  )

  app.delete(
    '/:id',
    {
      config: tenant('conversations:moderate'),
      schema: {
        operationId: 'deleteConversation',
        summary: 'Delete a conversation',
        description:
          'Deletes the conversation for good, with its messages, members, read markers and reports. Its open streams end with `not_found`. The audit keeps the fact. With If-Match, the gateway deletes only the version that you read.',
        tags,
        params: ConversationParams,
        response: { 204: NoContent, ...problems('not_found', 'precondition_failed') },
      },
    },
    async (request, reply) => {
      await request.tenant_store.write('conversation.deleted', (store) =>
        store.conversation_deletions.delete(request.params.id, ifMatchVersions(request), callerOf(request)),
      )
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/:id/handoff',
    {
      config: tenant('handoff:perform'),
      schema: {
        operationId: 'handOffConversation',
        summary: 'Hand off a conversation',
        description:
          'Assigns the conversation to a member who may see it. null removes the assignment. The status becomes handoff until a caller sets another one.',
        tags,
        params: ConversationParams,
        body: Handoff,
        response: { 200: Conversation, ...problems('not_found', 'conversation_closed', 'precondition_failed') },
      },
    },
    async (request, reply) => {
      const { assignee_id } = request.body
      const conversation = await request.tenant_store.write('conversation.handed_off', (store) =>
        store.conversations.handOff(request.params.id, assignee_id, ifMatchVersions(request), callerOf(request)),
      )
      reply.header('etag', etagOf(conversation.version))
      return redactFor(request, conversation)
    },
  )
}
export default conversations
