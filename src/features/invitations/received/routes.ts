import { Type } from 'typebox'
import { user } from '../../../kernel/request/access.js'
import { closed, NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'

const tags = ['me']
const TokenParams = closed({ token: Type.String({ minLength: 1, maxLength: 64 }) })
const REFUSALS = ['not_found', 'invitation_not_for_you', 'invitation_closed'] as const

/** Accepting and declining, by the invited user. */
const invitationAnswers: Routes = async (app) => {
  app.post(
    '/:token/accept',
    {
      config: user(),
      schema: {
        operationId: 'acceptInvitation',
        summary: 'Accept an invitation',
        tags,
        params: TokenParams,
        response: {
          200: Type.Object({ tenant: Type.Object({ id: Type.String(), name: Type.String() }) }),
          ...problems(...REFUSALS),
        },
      },
    },
    async (request) => {
      const { tenant_id, tenant_name } = await request.platform_store.write('invitation.accepted', (store) =>
        store.invitation_answers.accept(request.params.token, request.principal.id),
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
        params: TokenParams,
        response: { 204: NoContent, ...problems(...REFUSALS) },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('invitation.declined', (store) =>
        store.invitation_answers.decline(request.params.token, request.principal.id),
      )
      return reply.code(204).send(null)
    },
  )
}
export default invitationAnswers
