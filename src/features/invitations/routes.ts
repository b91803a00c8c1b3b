import type { FastifyReply, FastifyRequest } from 'fastify'
import { normaliseEmail } from '../../kernel/credentials/email.js'
import { consume, type Limiter } from '../../kernel/limits/limiter.js'
import type { LinkMail, Outbox } from '../../kernel/mail/outbox.js'
import { invitationMail } from '../../kernel/mail/templates.js'
import type { ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { member } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject, TenantParams } from '../../kernel/rest/schemas.js'
import { searchIn } from '../../kernel/rest/search.js'
import { Invitation, InvitationParams, NewInvitation, toResponse } from './schema.js'

const tags = ['tenants']

export interface InvitationsOptions {
  readonly limiter: Limiter
  readonly outbox: Outbox
  readonly link_url: string
  readonly scopesNow: ScopesNow
}

/** Invitations by mail. A link works once, for 72 hours. Only the mail contains the link. */
const invitations: Routes<InvitationsOptions> = async (app, { limiter, outbox, link_url, scopesNow }) => {
  const mailOf = ({ tenant }: FastifyRequest): LinkMail => ({
    outbox,
    write: (to, token) => invitationMail(to, tenant.name, token, link_url),
  })
  /** Consumes the budget first, so that refused requests count too. @throws Problem `rate_limited` */
  const spendInvitation = (request: FastifyRequest, reply: FastifyReply) =>
    consume(limiter, reply, 'invitations', request.tenant.id)

  app.get(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'listInvitations',
        summary: 'List invitations, including closed ones',
        tags,
        params: TenantParams,
        querystring: strictObject({ ...PageQuery, ...searchIn('email') }),
        response: { 200: pageSchema(Invitation), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) =>
        store.invitations.list({ ...readPage(request), search: request.query.search }),
      )
      const shown = { ...page, rows: page.rows.map(toResponse) }
      return sendPage(request, reply, shown, (invitation) => invitation.id)
    },
  )

  app.post(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'createInvitation',
        summary: 'Invite a user by mail',
        description:
          'The response does not wait for the mail. `delivery` says what became of it: `queued`, `sent` (the mail server has accepted it) or `failed`, with a reason. The gateway retries for up to 24 hours. Only a user with a verified address can invite.',
        tags,
        params: TenantParams,
        body: NewInvitation,
        response: {
          201: Invitation,
          ...problems('privilege_escalation', 'email_unverified', 'already_exists', 'limit_reached', 'rate_limited'),
        },
      },
    },
    async (request, reply) => {
      await spendInvitation(request, reply)
      const { email, roles } = request.body
      const invitation = await request.tenant_store.write('invitation.created', (store) =>
        store.invitations.create(normaliseEmail(email), roles, scopesNow(), mailOf(request)),
      )
      return reply.code(201).send(toResponse(invitation))
    },
  )

  app.post(
    '/:invitation_id/resend',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'resendInvitation',
        summary: 'Send an open invitation again with a new link',
        tags,
        params: InvitationParams,
        response: {
          200: Invitation,
          ...problems(
            'not_found',
            'invitation_closed',
            'privilege_escalation',
            'email_unverified',
            'limit_reached',
            'rate_limited',
          ),
        },
      },
    },
    async (request, reply) => {
      await spendInvitation(request, reply)
      const invitation = await request.tenant_store.write('invitation.resent', (store) =>
        store.invitations.resend(request.params.invitation_id, scopesNow(), mailOf(request)),
      )
      return toResponse(invitation)
    },
  )

  app.delete(
    '/:invitation_id',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'revokeInvitation',
        summary: 'Revoke an open invitation',
        tags,
        params: InvitationParams,
        response: { 204: NoContent, ...problems('not_found', 'invitation_closed') },
      },
    },
    async (request, reply) => {
      await request.tenant_store.write('invitation.revoked', (store) =>
        store.invitations.revoke(request.params.invitation_id),
      )
      return reply.code(204).send(null)
    },
  )
}
export default invitations
