import type { FastifyRequest } from 'fastify'
import type { ScopeCatalogue, ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { user } from '../../kernel/request/access.js'
import type { Routes } from '../../kernel/rest/schemas.js'
import { Me, ProfileChange, toResponse } from './schema.js'

const tags = ['me']

export interface ProfileOptions {
  readonly scopesNow: ScopesNow
}

/** The signed-in user. */
const me: Routes<ProfileOptions> = async (app, { scopesNow }) => {
  app.get(
    '',
    {
      config: user(),
      schema: { operationId: 'getMe', summary: 'Get my profile and my tenants', tags, response: { 200: Me } },
    },
    (request) => profileOf(request, scopesNow()),
  )

  app.patch(
    '',
    {
      config: user(),
      schema: {
        operationId: 'updateMe',
        summary: 'Update my profile',
        tags,
        body: ProfileChange,
        response: { 200: Me },
      },
    },
    async (request) => {
      await request.platform_store.write('user.updated', (store) =>
        store.users.rename(request.principal.id, request.body.name),
      )
      return profileOf(request, scopesNow())
    },
  )
}
export default me

function profileOf({ platform_store, principal }: FastifyRequest, scopes: ScopeCatalogue) {
  return platform_store.read(async (store) => {
    const user = await store.users.get(principal.id)
    const memberships = await store.memberships.of(user.id)
    // A user who registered with another person's address must not learn from here which tenants invite that person.
    const invitations = user.email_verified_at === null ? [] : await store.received_invitations.pendingOf(user.email)
    const appointment = await store.own_appointment.pendingOf(user.id)
    const privileges = await store.own_appointment.privilegesOf(user.id)
    return toResponse(user, { memberships, invitations, appointment, privileges }, scopes)
  })
}
