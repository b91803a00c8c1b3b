import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { keyHeaders } from '../helpers/world.js'
import { BAD_KEY, openReplicas } from './replicas.js'

const replicas = await openReplicas()
t.teardown(() => replicas.close())
const { gateway, replica, world, owner, of_acme, change, newKey, byKey } = replicas

// Attack: a client uses a key at the moment of its revocation, so that the write of its use makes it valid again.
t.test('each of 200 keys that is used during its revocation is refused afterwards, and no use fails', async (t) => {
  const seen: Record<string, number> = {}
  const after: string[] = []
  const ids: string[] = []
  const round = async () => {
    const { id, key } = await newKey()
    ids.push(id)
    let is_revoked = false
    // The loop uses the key without a pause until the revocation is answered, so that some uses run at the same time.
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
  // The gateway writes the counts of the uses later. That write must not change the state of the key.
  await change(owner, 'GET', `${of_acme}/keys/${ids[0]}`)
  const living = await gateway.sql(
    `select id from tenant_keys where id in ('${ids.join("','")}') and revoked_at is null`,
  )
  t.same(living, [])
})
