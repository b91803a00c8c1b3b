import type { TestGateway } from '../helpers/gateway.js'
import type { World } from '../helpers/world.js'
import { makeMember, ownerOf, type Side } from './example-people.js'
import { type Examples, makeUser } from './examples.js'

/** Examples of tenants, and of their first keys and members. */
export function tenantExamples(gateway: TestGateway, world: World, side: Side): Examples {
  const own = world[side]
  const { person: owner, id: owner_id } = ownerOf(world, side)
  const here = { tenant_id: own.id }
  const as_user = { actor_kind: 'user', actor_id: owner_id } as const
  const read = (params?: Record<string, string>) => async () => ({ headers: await world.bearer(owner), params })

  return {
    listTenants: read(),
    getTenant: read(here),
    createTenant: async () => ({
      headers: await world.bearer(owner),
      body: { name: 'Another' },
      event: { ...as_user, action: 'tenant.created', target_kind: 'tenant' },
    }),

    listKeys: read(here),
    createKey: async () => ({
      headers: await world.bearer(owner),
      params: here,
      body: { name: 'Example', scopes: ['customers:edit'] },
      event: { ...as_user, action: 'tenant_key.created', target_kind: 'tenant_key', tenant_id: own.id },
    }),
    revokeKey: async () => {
      const { record } = await own.store.write('tenant_key.created', (store) =>
        store.keys.create({ name: 'To be revoked', scopes: [] }),
      )
      const event = {
        ...as_user,
        action: 'tenant_key.revoked',
        target_kind: 'tenant_key',
        target_id: record.id,
        tenant_id: own.id,
      } as const
      return { headers: await world.bearer(owner), params: { ...here, key_id: record.id }, event }
    },

    listMembers: read(here),
    addMember: async () => {
      const { id } = await makeUser(gateway, world)
      const event = {
        ...as_user,
        action: 'member.added',
        target_kind: 'member',
        target_id: id,
        tenant_id: own.id,
      } as const
      return { headers: await world.bearer(owner), params: here, body: { user_id: id, roles: ['Agent'] }, event }
    },
    updateMember: async () => {
      const user_id = await makeMember(gateway, world, side)
      const event = {
        ...as_user,
        action: 'member.updated',
        target_kind: 'member',
        target_id: user_id,
        tenant_id: own.id,
      } as const
      return { headers: await world.bearer(owner), params: { ...here, user_id }, body: { roles: ['Analyst'] }, event }
    },
  }
}
