import { Type } from 'typebox'
import { operator } from '../../../kernel/request/access.js'
import { closed, NoContent, problems, type Routes, Uuid } from '../../../kernel/rest/schemas.js'
import { User } from '../schema.js'

const tags = ['platform']
const Params = closed({ id: Uuid })

const UserWithMemberships = Type.Object({
  ...User.properties,
  memberships: Type.Array(
    Type.Object({
      tenant: Type.Object({ id: Type.String(), name: Type.String() }),
      state: Type.String(),
      roles: Type.Array(Type.String()),
    }),
  ),
})

/** One user, as operators see and help them. */
const userControl: Routes = async (app) => {
  app.get(
    '/:id',
    {
      config: operator('platform:users:view'),
      schema: {
        operationId: 'getPlatformUser',
        summary: 'A user and their places in tenants',
        tags,
        params: Params,
        response: { 200: UserWithMemberships, ...problems('not_found') },
      },
    },
    async (request) => {
      const { id } = request.params
      const user = await request.platform_store.read((store) => store.users.get(id))
      const memberships = await request.platform_store.read((store) => store.tenants.membershipsOf(id))
      return {
        ...user,
        memberships: memberships.map(({ tenant_id, tenant_name, state, roles }) => ({
          tenant: { id: tenant_id, name: tenant_name },
          state,
          roles: roles.map((role) => role.name),
        })),
      }
    },
  )

  app.post(
    '/:id/enable',
    {
      config: operator('platform:users:manage'),
      schema: {
        operationId: 'enableUser',
        summary: 'Let a disabled user log in again',
        tags,
        params: Params,
        response: { 200: User, ...problems('not_found') },
      },
    },
    async (request) => request.platform_store.write('user.enabled', (store) => store.users.enable(request.params.id)),
  )

  app.post(
    '/:id/unlock',
    {
      config: operator('platform:users:manage'),
      schema: {
        operationId: 'unlockUser',
        summary: 'End the pause of an account after failed logins',
        tags,
        params: Params,
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.platform_store.write('user.unlocked', (store) => store.users.unlock(request.params.id))
      return reply.code(204).send(null)
    },
  )
}
export default userControl
