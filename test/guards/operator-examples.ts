import { randomBytes } from 'node:crypto'
import type { Action } from '../../src/kernel/store/actions.js'
import type { TestGateway } from '../helpers/gateway.js'
import { makeOperator } from '../helpers/operators.js'
import { PASSWORD, type World } from '../helpers/world.js'
import { ownerOf, type Side } from './example-people.js'
import { type Example, type Examples, makeUser } from './examples.js'

/** Examples of requests of operators. */
export function operatorExamples(gateway: TestGateway, world: World, side: Side): Examples {
  const read = (params?: Record<string, string>) => async () => ({ headers: await world.bearer('operator'), params })
  const as_operator = { actor_kind: 'operator', actor_id: world.ids.operator, tenant_id: null } as const
  const change = async (
    action: Action,
    target: { kind: string; id: string; tenant_id: string | null },
    params: Record<string, string>,
    body?: unknown,
  ): Promise<Example> => ({
    headers: await world.bearer('operator'),
    params,
    body,
    event: {
      action,
      actor_kind: 'operator',
      actor_id: world.ids.operator,
      target_kind: target.kind,
      target_id: target.id,
      tenant_id: target.tenant_id,
    },
  })
  const onTenant = async (action: Action, body?: unknown, arrange?: (id: string) => Promise<unknown>) => {
    const { id: owner_id } = await makeUser(gateway, world)
    const { tenant } = await world.platform.write('tenant.created', (store) =>
      store.tenants.create({ name: 'Example', owner_id }),
    )
    await arrange?.(tenant.id)
    return change(action, { kind: 'tenant', id: tenant.id, tenant_id: tenant.id }, { id: tenant.id }, body)
  }
  const onUser = async (action: Action, arrange: (id: string) => Promise<unknown> = async () => undefined) => {
    const { id } = await makeUser(gateway, world)
    await arrange(id)
    return change(action, { kind: 'user', id, tenant_id: null }, { id })
  }
  const onOperator = async (action: Action, body: unknown, is_one: boolean) => {
    const { id } = await makeUser(gateway, world)
    if (is_one) {
      await makeOperator(gateway, id, ['platform:users:view'])
    }
    return change(action, { kind: 'operator', id, tenant_id: null }, { user_id: id }, body)
  }

  return {
    listPlatformTenants: read(),
    getPlatformTenant: read({ id: world[side].id }),
    createPlatformTenant: async () => ({
      headers: await world.bearer('operator'),
      body: { name: 'By the operator', owner_id: ownerOf(world, side).id },
      event: { ...as_operator, action: 'tenant.created', target_kind: 'tenant', tenant_id: undefined },
    }),
    suspendTenant: () => onTenant('tenant.suspended', { reason: 'Example' }),
    activateTenant: () =>
      onTenant('tenant.activated', undefined, (id) =>
        world.platform.write('tenant.suspended', (store) => store.platform_tenants.suspend(id, 'Example', undefined)),
      ),
    listPlatformUsers: read(),
    createPlatformUser: async () => ({
      headers: await world.bearer('operator'),
      body: { email: `made-${randomBytes(6).toString('hex')}@people.example`, name: 'Made', password: PASSWORD },
      event: { ...as_operator, action: 'user.created', target_kind: 'user' },
    }),
    disableUser: () => onUser('user.disabled'),
    changePlan: () => onTenant('tenant.plan_changed', { plan: 'gold' }),
    lockDownTenant: () => onTenant('tenant.locked_down'),
    listPlatformKeys: read({ id: world[side].id }),
    getPlatformUser: read({ id: world.ids.agent }),
    enableUser: () =>
      onUser('user.enabled', (id) =>
        world.platform.write('user.disabled', (store) => store.platform_users.disable(id)),
      ),
    unlockUser: () => onUser('user.unlocked'),
    listOperators: read(),
    appointOperator: () => onOperator('operator.offered', { privileges: ['platform:users:view'] }, false),
    dismissOperator: () => onOperator('operator.removed', undefined, true),
    getOverview: read(),
    getBusiestTenants: read(),
    getGrowth: read(),
    listPlatformAuditEvents: read(),
  }
}
