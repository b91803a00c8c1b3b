import { BUILT_IN_SCOPES } from '../../src/kernel/permissions/scope-catalogue.js'
import { systemOrigin } from '../../src/kernel/store/audit-record.js'
import type { TestGateway } from './gateway.js'
import { type Answer, ask } from './requests.js'

type Stores = Pick<TestGateway, 'stores'>
const TEST = systemOrigin('test')

/** Accepts the pending membership of a user. Tests that log the user in use the route instead. */
export async function acceptMembership({ stores }: Stores, tenant_id: string, user_id: string): Promise<void> {
  await stores
    .platform(() => TEST)
    .write('member.accepted', (store) => store.own_memberships.accept(tenant_id, user_id, BUILT_IN_SCOPES))
}

/** Creates an active member: offers the membership and accepts it. */
export async function addMember(gateway: Stores, tenant_id: string, user_id: string, roles: readonly string[]) {
  await gateway.stores
    .tenant(tenant_id, () => TEST)
    .write('member.added', (store) => store.members.add(user_id, roles, BUILT_IN_SCOPES))
  await acceptMembership(gateway, tenant_id, user_id)
}

/**
 * Creates an active member as a manager of the tenant does, over HTTP, and accepts the membership.
 * @throws Error if the gateway refuses
 */
export async function joinTenant(
  gateway: TestGateway,
  manager: Record<string, string>,
  tenant_id: string,
  { user_id, roles }: { readonly user_id: string; readonly roles: readonly string[] },
): Promise<Answer> {
  const path = `/v1/tenants/${tenant_id}/members`
  const added = await ask(gateway, path, { headers: manager, body: { user_id, roles } })
  if (added.status !== 201) throw new Error(added.text)
  await acceptMembership(gateway, tenant_id, user_id)
  return added
}
