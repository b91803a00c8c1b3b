import t from 'tap'
import { ask } from '../helpers/requests.js'
import { keyHeaders } from '../helpers/world.js'
import { BAD_KEY, openReplicas } from './replicas.js'

const replicas = await openReplicas()
t.teardown(() => replicas.close())
const { gateway, replica, world, owner, of_acme, change, newKey, byKey } = replicas

// Stops a use that was under way from bringing a key back that is revoked at the same moment.
t.test('200 uses beside 200 revocations: each key is refused at the end, and nothing breaks', async (t) => {
  const seen: Record<string, number> = {}
  const after: string[] = []
  const ids: string[] = []
  const round = async (number: number) => {
    const { id, key } = await newKey()
    ids.push(id)
    const use = async (on: { url: string }) => {
      const { status } = await ask(on, '/v1/access', { headers: keyHeaders({ id: world.acme.id, key }) })
      seen[status] = (seen[status] ?? 0) + 1
    }
    const revoke = () => change(owner, 'DELETE', `${of_acme}/keys/${id}`)
    await Promise.all(
      number % 2 === 0 ? [use(replica), revoke(), use(gateway)] : [revoke(), use(gateway), use(replica)],
    )
    after.push(await byKey(key)())
  }
  for (let number = 0; number < 200; number += 4) {
    await Promise.all([0, 1, 2, 3].map((offset) => round(number + offset)))
  }
  t.same(
    after.filter((each) => each !== BAD_KEY),
    [],
  )
  t.equal(after.length, 200)
  t.comment(JSON.stringify(seen))
  t.same(
    Object.keys(seen).filter((status) => !['200', '401'].includes(status)),
    [],
    JSON.stringify(seen),
  )
  // The counts of the uses are written late; they must not write more than counts.
  await change(owner, 'GET', `${of_acme}/keys/${ids[0]}`)
  const living = await gateway.sql(
    `select id from tenant_keys where id in ('${ids.join("','")}') and revoked_at is null`,
  )
  t.same(living, [])
})
