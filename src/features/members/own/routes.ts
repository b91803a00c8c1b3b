import type { ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { user } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes, TenantParams } from '../../../kernel/rest/schemas.js'
import { AcceptedMembership } from './schema.js'

const tags = ['me']

export interface OwnMembershipsOptions {
  readonly scopesNow: ScopesNow
}

/** The pending memberships of a user: no tenant makes a user its member, the user does. `GET /v1/me` lists them. */
const ownMemberships: Routes<OwnMembershipsOptions> = async (app, { scopesNow }) => {
  app.post(
    '/:tenant_id/accept',
    {
      config: user(),
      schema: {
        operationId: 'acceptMembership',
        summary: 'Accept a pending membership',
        tags,
        params: TenantParams,
        response: { 200: AcceptedMembership, ...problems('not_found', 'invitation_closed') },
      },
    },
    async (request) => {
      const { tenant_id, tenant_name, roles } = await request.platform_store.write('member.accepted', (store) =>
        store.own_memberships.accept(request.params.tenant_id, request.principal.id, scopesNow()),
      )
      return { tenant: { id: tenant_id, name: tenant_name }, roles }
    },
  )

  app.post(
    '/:tenant_id/decline',
    {
      config: user(),
      schema: {
        operationId: 'declineMembership',
        summary: 'Decline a pending membership',
        tags,
        params: TenantParams,
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('member.declined', (store) =>
        store.own_memberships.decline(request.params.tenant_id, request.principal.id),
      )
      return reply.code(204).send(null)
    },
  )
}
export default ownMemberships
