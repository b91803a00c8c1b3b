import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
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
  const round = async () => {
    const { id, key } = await newKey()
    ids.push(id)
    let is_revoked = false
    // Used without a pause until the revocation is answered, so that some use meets its very moment.
    const use = async (on: { url: string }) => {
      do {
        const { status } = await ask(on, '/v1/access', { headers: keyHeaders({ id: world.acme.id, key }) })
        seen[status] = (seen[status] ?? 0) + 1
      } while (!is_revoked)
    }
    const revoke = async () => {
      await change(owner, 'DELETE', `${of_acme}/keys/${id}`)
      is_revoked = true
    }
    await Promise.all([use(replica), use(gateway), revoke()])
    after.push(await byKey(key)())
  }
  for (let rounds = 0; rounds < 200; rounds += 4) {
    await Promise.all([round(), round(), round(), round()])
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
