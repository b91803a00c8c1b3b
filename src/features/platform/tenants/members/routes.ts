import { operator } from '../../../../kernel/request/access.js'
import { pageSchema, readPage, sendPage } from '../../../../kernel/rest/pagination.js'
import { problems, type Routes } from '../../../../kernel/rest/schemas.js'
import { TenantIdParams } from '../schema.js'
import { NamingReason, OwnerOffer, OwnerParams, PlatformMember, PlatformMemberQuery } from './schema.js'

const tags = ['platform']

/** The members of a tenant, for operators, and its new Owner if it has none who can act. */
const platformMembers: Routes = async (app) => {
  app.get(
    '/members',
    {
      config: operator('platform:tenants:view', 'platform:users:view'),
      schema: {
        operationId: 'listPlatformMembers',
        summary: 'List members of a tenant',
        description: 'The list shows emails and names of users, so it also takes platform:users:view.',
        tags,
        params: TenantIdParams,
        querystring: PlatformMemberQuery,
        response: { 200: pageSchema(PlatformMember), ...problems('not_found', 'invalid_cursor') },
      },
    },
    async (request, reply) => {
      const { search } = request.query
      const page = await request.platform_store.read((store) =>
        store.platform_members.list(request.params.id, { ...readPage(request), search }),
      )
      return sendPage(request, reply, page, (each) => each.user_id)
    },
  )

  app.put(
    '/owners/:user_id',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'nameOwner',
        summary: 'Offer a user to become the Owner of a tenant that has no Owner who can act',
        description:
          'No Owner can act if each one was removed or disabled, has a disabled user, or is denied users:manage. The user needs a verified email, and accepts with POST /v1/me/memberships/{tenant_id}/accept or declines with /decline. An earlier offer of this kind ends, and so does this one when an Owner can act again. The tenant sees the event in its audit.',
        tags,
        params: OwnerParams,
        body: NamingReason,
        response: {
          200: OwnerOffer,
          ...problems('not_found', 'owner_can_act', 'email_unverified', 'invalid_state'),
        },
      },
    },
    async (request) => {
      const { id, user_id } = request.params
      return request.platform_store.write('tenant.owner_offered', (store) =>
        store.platform_members.offerOwner(id, user_id, request.body.reason),
      )
    },
  )
}
export default platformMembers
