import type { Database } from '../../src/kernel/database/database.js'
import { openTestDatabase } from '../helpers/database.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { askExample, isWriting } from './audit.js'
import { examplesOf } from './examples.js'
import { guardedRoutes } from './route-table.js'

/** Operations that change what authorisation reads. Each must be seen to do so, or the guard would prove nothing. */
const OF_RIGHTS = [
  ...['updateKey', 'revokeKey', 'revokeOwnKey', 'rotateKey', 'rotateOwnKey', 'updateRole', 'deleteRole'],
  ...['addMember', 'updateMember', 'removeMember', 'acceptMembership', 'setOverride', 'removeOverride', 'logout'],
  ...['endSession', 'disableUser', 'suspendTenant', 'activateTenant', 'deleteTenant', 'dismissOperator'],
]

const test_database = await openTestDatabase()
const { database } = test_database
/** Transactions that changed a fact and have not passed the barrier. */
const open_changes = new Set<string>()
const seen: string[] = []
const watched: Database = {
  ...database,
  transaction: (binding, work, onFactsChanged) =>
    database.transaction(binding, work, (xid) => {
      open_changes.add(xid)
      seen.push(xid)
      onFactsChanged?.(xid)
    }),
}
const gateway = await startGateway({
  on: { ...test_database, database: watched },
  env: { ALLOW_REGISTRATION: 'true' },
})
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const examples = examplesOf(gateway, world)
const writes = guardedRoutes(gateway.routes).filter(isWriting)
const pass = gateway.replica.pass.bind(gateway.replica)

const passes: string[] = []
gateway.replica.pass = async (xid) => {
  passes.push(xid)
  await pass(xid)
  // An answer that did not wait would arrive before those of two more requests.
  for (const _more of [1, 2]) await ask(gateway, '/livez')
  open_changes.delete(xid)
}

t.test('each operation that changes a fact answers after the barrier', async (t) => {
  const changing: string[] = []
  for (const route of writes) {
    const example = examples[route.operation_id]
    if (example === undefined) throw new Error(route.operation_id)
    const request = await example()
    open_changes.clear()
    seen.length = 0
    const { answer } = await askExample(gateway, route, request)
    if (answer.status >= 300 || seen.length === 0) continue
    changing.push(route.operation_id)
    t.same([...open_changes], [], `${route.operation_id} answered before its barrier`)
  }
  t.comment(changing.sort().join(' '))
  t.same(
    OF_RIGHTS.filter((id) => !changing.includes(id)),
    [],
  )
})

// Attack: repeats a revocation at another replica, and uses what it revokes while the first one waits for its barrier.
t.test('a change that was already made is answered after the barrier too', async (t) => {
  const { acme } = world
  const owner = await world.bearer('owner')
  const path = `/v1/tenants/${acme.id}/keys`
  const { body } = await ask(gateway, path, { headers: owner, body: { name: 'Revoked twice' } })
  for (const turn of [1, 2]) {
    passes.length = 0
    const { status, text } = await ask(gateway, `${path}/${body.id}`, { method: 'DELETE', headers: owner })
    t.equal(status, 204, text)
    t.equal(passes.length, 1, `revocation ${turn}`)
  }
})
