import { randomBytes } from 'node:crypto'
import { BUILT_IN_SCOPES } from '../../src/kernel/permissions/scope-catalogue.js'
import type { Action } from '../../src/kernel/store/actions.js'
import type { TestGateway } from '../helpers/gateway.js'
import { linkMail } from '../helpers/link-mails.js'
import { keyHeaders, type World } from '../helpers/world.js'
import { makeMember, ownerOf, type Side, somebodyNew } from './example-people.js'
import type { Example, Examples } from './examples.js'

const NAMES = { acme: 'Acme ACMEMARK', globex: 'Globex GLOBEXMARK' }

/** Examples of requests of Owners and Admins for their tenant, and of a key for itself. */
export function managementExamples(gateway: TestGateway, world: World, side: Side): Examples {
  const own = world[side]
  const owner = ownerOf(world, side)
  const here = { tenant_id: own.id }
  const read =
    (params: Record<string, string> = here) =>
    async () => ({
      headers: await world.bearer(owner.person),
      params,
    })
  const change = async (
    action: Action,
    target_kind: string,
    target_id: string,
    params: Record<string, string>,
    more: Partial<Example> = {},
  ): Promise<Example> => ({
    params: { ...here, ...params },
    body: more.body,
    headers: { ...(await world.bearer(owner.person)), ...more.headers },
    event: { action, actor_kind: 'user', actor_id: owner.id, target_kind, target_id, tenant_id: own.id },
  })
  const makeKey = () =>
    own.store.write('tenant_key.created', (store) => store.keys.create({ name: 'Example', scopes: [] }))
  const onKey = async (action: Action, body?: unknown) => {
    const { record } = await makeKey()
    return change(action, 'tenant_key', record.id, { key_id: record.id }, { body })
  }
  const byItself = async (action: Action, body?: unknown): Promise<Example> => {
    const { record, key } = await makeKey()
    const event = { action, actor_kind: 'key', actor_id: record.id, target_kind: 'tenant_key' } as const
    const headers = keyHeaders({ id: own.id, key })
    return { headers, body, event: { ...event, target_id: record.id, tenant_id: own.id } }
  }
  const makeRole = () =>
    own.store.write('role.created', (store) =>
      store.roles.create({ name: `Example ${randomBytes(5).toString('hex')}`, scopes: ['agents:view'] }),
    )
  const onRole = async (action: Action, body?: unknown) => {
    const { id } = await makeRole()
    return change(action, 'role', id, { role_id: id }, { body, headers: { 'if-match': '"1"' } })
  }
  const onInvitation = async (action: Action) => {
    const { id } = await own.store.write('invitation.created', (store) =>
      store.invitations.create(somebodyNew(), ['Agent'], BUILT_IN_SCOPES, linkMail()),
    )
    return change(action, 'invitation', id, { invitation_id: id })
  }
  const onOverride = async (action: Action, body: unknown, is_there: boolean) => {
    const user_id = await makeMember(gateway, world, side)
    const wish = { scope: 'agents:view', effect: 'grant', reason: 'Example' } as const
    if (is_there) await own.store.write('override.set', (store) => store.overrides.set(user_id, wish))
    return change(action, 'override', `${user_id}/agents:view`, { user_id, scope: 'agents:view' }, { body })
  }

  return {
    updateTenant: () => change('tenant.updated', 'tenant', own.id, {}, { body: { name: NAMES[side] } }),
    deleteTenant: async () => {
      const wish = { name: 'To be deleted', owner_id: owner.id }
      const { tenant } = await world.platform.write('tenant.created', (store) => store.tenants.create(wish))
      const example = await change('tenant.deleted', 'tenant', tenant.id, { tenant_id: tenant.id })
      return { ...example, event: { ...example.event, tenant_id: tenant.id } as Example['event'] }
    },
    getKey: async () => read({ ...here, key_id: (await makeKey()).record.id })(),
    updateKey: () => onKey('tenant_key.updated', { name: 'Changed', disabled: true }),
    rotateKey: () => onKey('tenant_key.rotated', { overlap_seconds: 60 }),
    getOwnKey: async () => ({ headers: keyHeaders({ id: own.id, key: (await makeKey()).key }) }),
    revokeOwnKey: () => byItself('tenant_key.revoked'),
    rotateOwnKey: () => byItself('tenant_key.rotated', { overlap_seconds: 60 }),
    removeMember: async () => {
      const user_id = await makeMember(gateway, world, side)
      return change('member.removed', 'member', user_id, { user_id })
    },
    listOverrides: async () => read({ ...here, user_id: await makeMember(gateway, world, side) })(),
    setOverride: () => onOverride('override.set', { effect: 'grant', reason: 'Example' }, false),
    removeOverride: () => onOverride('override.removed', undefined, true),
    listInvitations: read(),
    resendInvitation: () => onInvitation('invitation.resent'),
    revokeInvitation: () => onInvitation('invitation.revoked'),
    listRoles: read(),
    getRole: async () => read({ ...here, role_id: (await makeRole()).id })(),
    createRole: async () => {
      const body = { name: `Made ${randomBytes(5).toString('hex')}`, scopes: ['agents:view'] }
      const example = await change('role.created', 'role', '', {}, { body })
      return { ...example, event: { ...example.event, target_id: undefined } as Example['event'] }
    },
    updateRole: () => onRole('role.updated', { scopes: ['agents:edit'] }),
    deleteRole: () => onRole('role.deleted'),
    explainAccess: async () => ({
      headers: await world.bearer(owner.person),
      params: here,
      body: { user_id: owner.id, method: 'GET', path: '/v1/customers' },
    }),
    listTenantDirectory: read(),
    listScopes: read(),
    listAuditEvents: read(),
    exportAuditEvents: read(),
    getUsage: read(),
  }
}
