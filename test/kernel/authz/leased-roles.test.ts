import { leasedRoles } from '../../../src/kernel/authz/leased-roles.js'
import type { RoleFact } from '../../../src/kernel/permissions/roles.js'
import type { FactChange } from '../../../src/kernel/replicas/fact-change.js'
import { ChangeListeners, type Replica } from '../../../src/kernel/replicas/replica.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

/** A replica whose lease and changes the test decides. */
function replicaOf(lease: { valid: boolean }) {
  const listeners = new ChangeListeners()
  const replica = { hasLease: () => lease.valid, onChanges: (listener) => listeners.add(listener) } as Replica
  return { replica, tell: (changes: readonly FactChange[] | 'unknown') => listeners.tell(changes) }
}

const role = (name: string, scopes: readonly string[] = []): RoleFact => ({ name, system_role: null, scopes })

/** Reads one role of a tenant, and counts the readings. */
function counting() {
  const read: string[] = []
  const of = (tenant_id: string) => async () => {
    read.push(tenant_id)
    return [role(`${tenant_id} ${read.length}`)]
  }
  return { read, of }
}

t.test('roles are read once while the replica has a lease, and each time without one', async (t) => {
  const lease = { valid: true }
  const roles = leasedRoles(replicaOf(lease).replica)
  const { read, of } = counting()
  for (const _ of [1, 2, 3]) t.same(await roles.of('acme', of('acme')), [role('acme 1')])
  lease.valid = false
  t.same(await roles.of('acme', of('acme')), [role('acme 2')])
  t.same(await roles.of('acme', of('acme')), [role('acme 3')])
  t.same(read, ['acme', 'acme', 'acme'])
})

t.test('a change of a tenant drops its roles and those of no other tenant', async (t) => {
  const { replica, tell } = replicaOf({ valid: true })
  const roles = leasedRoles(replica)
  const { read, of } = counting()
  const readBoth = async () => {
    await roles.of('acme', of('acme'))
    await roles.of('globex', of('globex'))
    return read.splice(0)
  }
  t.same(await readBoth(), ['acme', 'globex'])
  tell([{ about: 'tenant', tenant_id: 'acme' }])
  t.same(await readBoth(), ['acme'])
  tell([{ about: 'member', tenant_id: 'acme', user_id: 'ada' }])
  t.same(await readBoth(), [])
  tell([{ about: 'all' }])
  t.same(await readBoth(), ['acme', 'globex'])
  tell('unknown')
  t.same(await readBoth(), ['acme', 'globex'])
})

// Without this, a refusal would name a role that was deleted, until the next change of the tenant.
t.test('a reading that a change has overtaken is not kept', async (t) => {
  const { replica, tell } = replicaOf({ valid: true })
  const roles = leasedRoles(replica)
  const old = await roles.of('acme', async () => {
    tell([{ about: 'tenant', tenant_id: 'acme' }])
    return [role('deleted')]
  })
  t.same(old, [role('deleted')])
  t.same(await roles.of('acme', async () => [role('new')]), [role('new')])
})

// Attack: makes many roles with many scopes in many tenants, so that the memory of the process fills.
t.test('the memory drops the roles that were used least recently, and never holds more than its bound', async (t) => {
  const roles = leasedRoles(replicaOf({ valid: true }).replica, 6)
  const { read, of } = counting()
  for (const tenant_id of ['first', 'second', 'third']) await roles.of(tenant_id, of(tenant_id))
  await roles.of('first', of('first'))
  await roles.of('fourth', of('fourth'))
  read.length = 0
  for (const tenant_id of ['first', 'third', 'fourth']) await roles.of(tenant_id, of(tenant_id))
  t.same(read, [], 'these are in memory')
  await roles.of('second', of('second'))
  t.same(read, ['second'])
  let readings = 0
  const readLarge = async () => {
    readings += 1
    return [role('large', ['1', '2', '3', '4', '5', '6'])]
  }
  await roles.of('large', readLarge)
  await roles.of('large', readLarge)
  t.equal(readings, 2, 'roles that are larger than the bound are not kept')
})

t.test('403 a refusal names a role as soon as it grants the scope, and no longer than that', async (t) => {
  const gateway = await startGateway()
  t.teardown(() => gateway.close())
  const world = await buildWorld(gateway)
  const roles = `/v1/tenants/${world.acme.id}/roles`
  const owner = await world.bearer('owner')
  const agent = await world.bearer('agent')
  const keys = `/v1/tenants/${world.acme.id}/keys`
  const granting = async () => (await ask(gateway, keys, { headers: agent })).body.granted_by_roles as string[]
  t.same(await granting(), ['Owner', 'Admin'])
  const body = { name: 'Key keepers', scopes: ['keys:manage'] }
  const created = await ask(gateway, roles, { method: 'POST', headers: owner, body })
  t.equal(created.status, 201)
  t.same(await granting(), ['Owner', 'Admin', 'Key keepers'])
  const own = created.headers.get('location') as string
  const deleted = await ask(gateway, own, { method: 'DELETE', headers: { ...owner, 'if-match': '*' } })
  t.match(deleted.status, /^20[04]$/)
  t.same(await granting(), ['Owner', 'Admin'])
})
