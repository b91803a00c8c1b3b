import type { ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { member, memberOrSelf } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject, TenantParams } from '../../kernel/rest/schemas.js'
import { searchIn } from '../../kernel/rest/search.js'
import { Member, MemberChange, MemberParams, NewMember } from './schema.js'

const tags = ['tenants']

export interface MembersOptions {
  readonly scopesNow: ScopesNow
}

/** The members of a tenant. A change applies from the next request of the member. */
const members: Routes<MembersOptions> = async (app, { scopesNow }) => {
  app.get(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'listMembers',
        summary: 'List members of the tenant',
        tags,
        params: TenantParams,
        querystring: strictObject({ ...PageQuery, ...searchIn('email or name') }),
        response: { 200: pageSchema(Member), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) =>
        store.members.list({ ...readPage(request), search: request.query.search }),
      )
      return sendPage(request, reply, page, (each) => each.user_id)
    },
  )

  app.post(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'addMember',
        summary: 'Add an existing user as a member, who must accept it',
        description:
          'The membership is pending until the user accepts it with POST /v1/me/memberships/{tenant_id}/accept. Until then it gives no right, and the response does not contain the email and the name of the user. Somebody whose email you know gets an invitation.',
        tags,
        params: TenantParams,
        body: NewMember,
        response: {
          201: Member,
          ...problems('not_found', 'already_exists', 'email_unverified', 'privilege_escalation', 'limit_reached'),
        },
      },
    },
    async (request, reply) => {
      const { user_id, roles } = request.body
      const added = await request.tenant_store.write('member.added', (store) =>
        store.members.add(user_id, roles, scopesNow()),
      )
      return reply.code(201).header('location', `/v1/tenants/${request.tenant.id}/members/${user_id}`).send(added)
    },
  )

  app.get(
    '/:user_id',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'getMember',
        summary: 'Get a member',
        tags,
        params: MemberParams,
        response: { 200: Member, ...problems('not_found') },
      },
    },
    async (request) => request.tenant_store.read((store) => store.members.get(request.params.user_id)),
  )

  app.delete(
    '/:user_id',
    {
      config: memberOrSelf('users:manage'),
      schema: {
        operationId: 'removeMember',
        summary: 'Remove a member, or leave the tenant; the next request of the user is refused',
        description:
          'Every member may leave, without users:manage. The last Owner cannot. The open connections of the user end.',
        tags,
        params: MemberParams,
        response: { 204: NoContent, ...problems('not_found', 'owner_required', 'last_owner') },
      },
    },
    async (request, reply) => {
      const { user_id } = request.params
      const action = user_id === request.principal.id ? 'member.left' : 'member.removed'
      await request.tenant_store.write(action, (store) => store.members.remove(user_id))
      return reply.code(204).send(null)
    },
  )

  app.patch(
    '/:user_id',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'updateMember',
        summary: 'Update the roles or the state of a member',
        tags,
        params: MemberParams,
        body: MemberChange,
        response: {
          200: Member,
          ...problems('not_found', 'privilege_escalation', 'owner_required', 'last_owner', 'invalid_state'),
        },
      },
    },
    async (request) =>
      request.tenant_store.write('member.updated', (store) =>
        store.members.update(request.params.user_id, request.body, scopesNow()),
      ),
  )
}
export default members
