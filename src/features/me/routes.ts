import { Type } from 'typebox'
import { effectiveScopes } from '../../kernel/permissions/evaluate.js'
import { user } from '../../kernel/request/access.js'
import { closed, Name, Nullable, type Routes } from '../../kernel/rest/schemas.js'

const Membership = Type.Object({
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  state: Type.String(),
  roles: Type.Array(Type.String()),
  scopes: Type.Array(Type.String()),
})

const Invitation = Type.Object({
  id: Type.String(),
  tenant: Type.Object({ id: Type.String(), name: Type.String() }),
  expires_at: Type.String(),
})

const Me = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    name: Type.String(),
    email_verified_at: Nullable(Type.String()),
    created_at: Type.String(),
    invitations: Type.Array(Invitation, {
      description: 'Open invitations to my address, once I have verified it; the link is in the mail.',
    }),
    memberships: Type.Array(Membership, { description: 'Every tenant of mine, with what I may do there.' }),
  },
  { $id: 'Me' },
)

const tags = ['me']

/** The signed-in user. */
const me: Routes = async (app) => {
  const profileOf = async (request: import('fastify').FastifyRequest) => {
    const { id } = request.principal
    const user = await request.platform_store.read((store) => store.users.get(id))
    const memberships = await request.platform_store.read((store) => store.tenants.membershipsOf(id))
    // Whoever registered with an address that is not theirs must not learn from here who invites its owner.
    const pending =
      user.email_verified_at === null
        ? []
        : await request.platform_store.read((store) => store.invitation_answers.pendingOf(user.email))
    return {
      ...user,
      invitations: pending.map(({ id: invitation_id, tenant_id, tenant_name, expires_at }) => ({
        id: invitation_id,
        tenant: { id: tenant_id, name: tenant_name },
        expires_at,
      })),
      memberships: memberships.map(({ tenant_id, tenant_name, state, roles, overrides }) => ({
        tenant: { id: tenant_id, name: tenant_name },
        state,
        roles: roles.map((role) => role.name),
        scopes:
          state === 'active' ? effectiveScopes({ kind: 'user', id, roles, overrides }).map(({ scope }) => scope) : [],
      })),
    }
  }

  app.get(
    '',
    {
      config: user(),
      schema: { operationId: 'getMe', summary: 'My profile and my tenants', tags, response: { 200: Me } },
    },
    profileOf,
  )

  app.patch(
    '',
    {
      config: user(),
      schema: {
        operationId: 'updateMe',
        summary: 'Change my profile',
        tags,
        body: closed({ name: Name }),
        response: { 200: Me },
      },
    },
    async (request) => {
      await request.platform_store.write('user.updated', (store) =>
        store.users.rename(request.principal.id, request.body.name),
      )
      return profileOf(request)
    },
  )
}
export default me
