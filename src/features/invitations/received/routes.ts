import { open, user } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { type SessionParts, startSession } from '../../auth/start-session.js'
import { type JoinParts, joinWithLink, openInvitation } from './join.js'
import { Join, Joined, JoinedSession, LinkParams, ReceivedInvitation, toReceived } from './schema.js'

const tags = ['me']
const REFUSALS = ['not_found', 'invitation_not_for_you', 'invitation_closed'] as const

export interface ReceivedInvitationsOptions extends JoinParts, SessionParts {}

/** The invitations that a user received, by the link in the mail. */
const receivedInvitations: Routes<ReceivedInvitationsOptions> = async (app, options) => {
  const { scopesNow } = options

  app.get(
    '/:token',
    {
      config: open(),
      schema: {
        operationId: 'getReceivedInvitation',
        summary: 'Get the invitation of a link',
        description:
          'For a front end that APP_URL leads the links in mails to. It changes nothing. The link is the proof of the address, so it needs no other credentials.',
        tags,
        params: LinkParams,
        response: { 200: ReceivedInvitation, ...problems('not_found', 'invitation_closed', 'rate_limited') },
      },
    },
    async (request, reply) => toReceived(await openInvitation(options, request, reply, request.params.token)),
  )

  app.post(
    '/:token/join',
    {
      config: open(),
      schema: {
        operationId: 'joinInvitation',
        summary: 'Join with the link of an invitation, as a new user',
        description:
          'Creates the user of the invited address, also without ALLOW_REGISTRATION, and accepts the invitation in one step. The response is that of a login. If a user has the address, the response is 409 `already_registered`: this user logs in and accepts. If the response is lost, log in.',
        tags,
        params: LinkParams,
        body: Join,
        response: {
          200: JoinedSession,
          ...problems('not_found', 'invitation_closed', 'already_registered', 'invalid_credentials', 'rate_limited'),
        },
      },
    },
    async (request, reply) => {
      const { tenant, login } = await joinWithLink(options, request, reply, request.params.token, request.body)
      const session = await startSession(options, request, login)
      return { ...session, tenant: { id: tenant.tenant_id, name: tenant.tenant_name } }
    },
  )
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
        store.received_invitations.accept(
          request.params.token,
          { kind: 'session', user_id: request.principal.id },
          scopesNow(),
        ),
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
