import { randomBytes } from 'node:crypto'
import type { Action } from '../../src/audit/actions.js'
import type { TestGateway } from '../helpers/gateway.js'
import { emailOf, keyHeaders, login, PASSWORD, type Person, type World } from '../helpers/world.js'
import { accountExamples } from './account-examples.js'
import { managementExamples } from './management-examples.js'
import { operatorExamples } from './operator-examples.js'

/** A request that succeeds, and what a write must leave in the audit. */
export interface Example {
  readonly headers: Readonly<Record<string, string>>
  readonly params?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly event?: ExpectedEvent
}

export interface ExpectedEvent {
  readonly action: Action
  readonly actor_kind: 'user' | 'key' | 'operator' | 'anonymous'
  readonly actor_id: string | null
  readonly target_kind: string
  /** Undefined when the answer tells it. */
  readonly target_id?: string
  /** Undefined for the tenant that the answer tells. */
  readonly tenant_id?: string | null
}

/** Arranges what its request needs, so that it can be asked for again and again. */
export type Examples = Readonly<Record<string, () => Promise<Example>>>

/** A user made for one example, with the password of everybody. */
export async function makeUser(gateway: TestGateway, world: World): Promise<{ id: string; email: string }> {
  const email = `user-${randomBytes(6).toString('hex')}@people.example`
  const [row] = await gateway.sql(`select password_hash from users where id = '${world.ids.owner}'`)
  const user = await world.platform.write('user.created', (store) =>
    store.users.create({ email, name: 'Somebody', password_hash: String(row?.password_hash), is_verified: true }),
  )
  return { id: user?.id as string, email }
}

/**
 * One request of each route that succeeds, by operation id. The guards fail for a route that has none here: they could
 * not see what it does.
 */
export function examplesOf(gateway: TestGateway, world: World, side: 'acme' | 'globex' = 'acme'): Examples {
  const own = world[side]
  const owner: Person = side === 'acme' ? 'owner' : 'other_owner'
  const owner_id = world.ids[owner]
  const here = { tenant_id: own.id }
  const open = async (): Promise<Example> => ({ headers: {} })
  const bearer = (person: Person) => world.bearer(person)
  const tenant = () => world.as(owner, own)
  const as_user = { actor_kind: 'user', actor_id: owner_id } as const
  const as_operator = { actor_kind: 'operator', actor_id: world.ids.operator, tenant_id: null } as const
  const read = (person: Person, params?: Record<string, string>) => async () => ({
    headers: await bearer(person),
    params,
  })
  const customer = async () => (await world.createCustomer(side)).id
  const onCustomer = async (action: Action, body?: unknown): Promise<Example> => {
    const id = await customer()
    const event = { ...as_user, action, target_kind: 'customer', target_id: id, tenant_id: own.id }
    return { headers: await tenant(), params: { id }, body, event }
  }
  const addMember = async () => {
    const { id } = await makeUser(gateway, world)
    const actor = { kind: 'user', id: owner_id, overrides: [] } as const
    const roles = [{ name: 'Owner', system_role: 'owner', scopes: [] }] as const
    await own.store.write('member.added', (store) => store.members.add({ user_id: id }, ['Agent'], { ...actor, roles }))
    return id
  }
  const onTenant = async (action: Action, body: unknown, arrange?: (id: string) => Promise<unknown>) => {
    const wish = { name: `Tenant ${randomBytes(4).toString('hex')}`, owner_id }
    const made = await world.platform.write('tenant.created', (store) => store.tenants.create(wish))
    await arrange?.(made.tenant.id)
    const event = {
      ...as_operator,
      action,
      target_kind: 'tenant',
      target_id: made.tenant.id,
      tenant_id: made.tenant.id,
    }
    return { headers: await bearer('operator'), params: { id: made.tenant.id }, body, event }
  }

  return {
    ...managementExamples(gateway, world, side),
    ...accountExamples(gateway, world, side),
    ...operatorExamples(gateway, world, side),
    getLiveness: open,
    getReadiness: open,
    getKeySet: open,
    getOpenApiJson: open,
    getOpenApiYaml: open,
    getProblemPage: async () => ({ headers: {}, params: { code: 'not_found' } }),

    login: async () => ({
      headers: {},
      body: { email: emailOf(owner), password: PASSWORD },
      event: {
        action: 'session.started',
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'session',
        tenant_id: null,
      },
    }),
    refresh: async () => ({
      headers: {},
      body: { refresh: (await login(gateway, owner)).refresh },
      event: {
        action: 'session.refreshed',
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'session',
        tenant_id: null,
      },
    }),
    logout: async () => ({
      headers: { authorization: `Bearer ${(await login(gateway, owner)).access}` },
      event: { ...as_user, action: 'session.ended', target_kind: 'session', tenant_id: null },
    }),
    register: async () => ({
      headers: {},
      body: { email: `new-${randomBytes(6).toString('hex')}@people.example`, password: PASSWORD, name: 'New' },
      event: {
        action: 'user.registered',
        actor_kind: 'anonymous',
        actor_id: null,
        target_kind: 'user',
        tenant_id: null,
      },
    }),

    getMe: read(owner),
    updateMe: async () => ({
      headers: await bearer(owner),
      body: { name: `The ${owner}` },
      event: { ...as_user, action: 'user.updated', target_kind: 'user', target_id: owner_id, tenant_id: null },
    }),

    listTenants: read(owner),
    getTenant: read(owner, here),
    createTenant: async () => ({
      headers: await bearer(owner),
      body: { name: 'Another' },
      event: { ...as_user, action: 'tenant.created', target_kind: 'tenant' },
    }),

    listKeys: read(owner, here),
    createKey: async () => ({
      headers: await bearer(owner),
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
      return { headers: await bearer(owner), params: { ...here, key_id: record.id }, event }
    },

    listMembers: read(owner, here),
    addMember: async () => {
      const { id, email } = await makeUser(gateway, world)
      const event = {
        ...as_user,
        action: 'member.added',
        target_kind: 'member',
        target_id: id,
        tenant_id: own.id,
      } as const
      return { headers: await bearer(owner), params: here, body: { email, roles: ['Agent'] }, event }
    },
    updateMember: async () => {
      const user_id = await addMember()
      const event = {
        ...as_user,
        action: 'member.updated',
        target_kind: 'member',
        target_id: user_id,
        tenant_id: own.id,
      } as const
      return { headers: await bearer(owner), params: { ...here, user_id }, body: { roles: ['Analyst'] }, event }
    },

    getAccess: async () => ({ headers: await tenant() }),
    listCustomers: async () => ({ headers: await tenant() }),
    getCustomer: async () => ({ headers: await tenant(), params: { id: await customer() } }),
    createCustomer: async () => ({
      headers: await tenant(),
      body: { name: 'Example' },
      event: { ...as_user, action: 'customer.created', target_kind: 'customer', tenant_id: own.id },
    }),
    updateCustomer: () => onCustomer('customer.updated', { tags: ['changed'] }),
    deleteCustomer: () => onCustomer('customer.deleted'),

    listPlatformTenants: read('operator'),
    getPlatformTenant: read('operator', { id: own.id }),
    createPlatformTenant: async () => ({
      headers: await bearer('operator'),
      body: { name: 'By the operator', owner_id },
      event: { ...as_operator, action: 'tenant.created', target_kind: 'tenant', tenant_id: undefined },
    }),
    suspendTenant: () => onTenant('tenant.suspended', { reason: 'Example' }),
    activateTenant: () =>
      onTenant('tenant.activated', undefined, (id) =>
        world.platform.write('tenant.suspended', (store) => store.tenants.suspend(id, 'Example', undefined)),
      ),
    listPlatformUsers: read('operator'),
    createPlatformUser: async () => ({
      headers: await bearer('operator'),
      body: { email: `made-${randomBytes(6).toString('hex')}@people.example`, name: 'Made', password: PASSWORD },
      event: { ...as_operator, action: 'user.created', target_kind: 'user' },
    }),
    disableUser: async () => {
      const { id } = await makeUser(gateway, world)
      const event = { ...as_operator, action: 'user.disabled', target_kind: 'user', target_id: id } as const
      return { headers: await bearer('operator'), params: { id }, event }
    },
  }
}

/** The headers of an integration: a key alone, with scopes. */
export function integrationOf(world: World): Record<string, string> {
  return keyHeaders({ id: world.acme.id, key: world.acme.integration_key })
}
