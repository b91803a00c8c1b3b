import type { ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { user } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { Joined, LinkParams } from './schema.js'

const tags = ['me']
const REFUSALS = ['not_found', 'invitation_not_for_you', 'invitation_closed'] as const

export interface ReceivedInvitationsOptions {
  readonly scopesNow: ScopesNow
}

/** The invitations that a user received, by the link in the mail. */
const receivedInvitations: Routes<ReceivedInvitationsOptions> = async (app, { scopesNow }) => {
  app.post(
    '/:token/accept',
    {
      config: user(),
      schema: {
        operationId: 'acceptInvitation',
        summary: 'Accept an invitation',
        tags,
        params: LinkParams,
        response: {
          200: Joined,
          ...problems(...REFUSALS),
        },
      },
    },
    async (request) => {
      const { tenant_id, tenant_name } = await request.platform_store.write('invitation.accepted', (store) =>
        store.received_invitations.accept(request.params.token, request.principal.id, scopesNow()),
      )
      return { tenant: { id: tenant_id, name: tenant_name } }
    },
  )

  app.post(
    '/:token/decline',
    {
      config: user(),
      schema: {
        operationId: 'declineInvitation',
        summary: 'Decline an invitation',
        tags,
        params: LinkParams,
        response: { 204: NoContent, ...problems(...REFUSALS) },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('invitation.declined', (store) =>
        store.received_invitations.decline(request.params.token, request.principal.id),
      )
      return reply.code(204).send(null)
    },
  )
}
export default receivedInvitations
