import { tenant } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { callerOf, principalOf } from '../caller.js'
import { ConversationParams } from '../schema.js'
import { ConversationMember, MemberChange, MemberParams, NewMember } from './schema.js'

const tags = ['conversations']

/** The members of a conversation. A change applies at once. */
const members: Routes = async (app) => {
  app.get(
    '',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'listConversationMembers',
        summary: 'List members of a conversation',
        tags,
        params: ConversationParams,
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(ConversationMember), ...problems('invalid_cursor', 'not_found') },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      const page = await request.tenant_store.read(async (store) => {
        await store.conversations.visible(id, principalOf(request))
        return store.conversation_members.list(id, readPage(request))
      })
      return sendPage(request, reply, page, (each) => each.user_id)
    },
  )

  app.post(
    '',
    {
      config: tenant('conversations:edit'),
      schema: {
        operationId: 'addConversationMember',
        summary: 'Add a member',
        description: 'Owners and moderators add members and moderators. Only owners add owners.',
        tags,
        params: ConversationParams,
        body: NewMember,
        response: {
          201: ConversationMember,
          ...problems('conversation_role_required', 'not_found', 'already_exists', 'limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const { user_id, role = 'member' } = request.body
      const member = await request.tenant_store.write('conversation_member.added', (store) =>
        store.conversation_members.add(request.params.id, user_id, role, callerOf(request)),
      )
      return reply.code(201).send(member)
    },
  )

  app.patch(
    '/:user_id',
    {
      config: tenant('conversations:edit'),
      schema: {
        operationId: 'updateConversationMember',
        summary: 'Update the role of a member',
        tags,
        params: MemberParams,
        body: MemberChange,
        response: {
          200: ConversationMember,
          ...problems('conversation_role_required', 'not_found', 'last_owner'),
        },
      },
    },
    (request) =>
      request.tenant_store.write('conversation_member.updated', (store) =>
        store.conversation_members.update(
          request.params.id,
          request.params.user_id,
          request.body.role,
          callerOf(request),
        ),
      ),
  )

  app.delete(
    '/:user_id',
    {
      config: tenant('conversations:edit'),
      schema: {
        operationId: 'removeConversationMember',
        summary: 'Remove a member, or leave',
        description:
          'Owners and moderators remove members. Only an owner removes an owner. The last owner cannot be removed.',
        tags,
        params: MemberParams,
        response: { 204: NoContent, ...problems('conversation_role_required', 'not_found', 'last_owner') },
      },
    },
    async (request, reply) => {
      await request.tenant_store.write('conversation_member.removed', (store) =>
        store.conversation_members.remove(request.params.id, request.params.user_id, callerOf(request)),
      )
      return reply.code(204).send(null)
    },
  )
}
export default members
