import fc from 'fast-check'
import { type Claims, NO_FACTS } from '../../../src/kernel/authz/facts.js'
import { openFactsReader } from '../../../src/kernel/authz/facts-reader.js'
import type { Database } from '../../../src/kernel/database/database.js'
import { deferred } from '../../helpers/deferred.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld, PEOPLE } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const { acme, globex, ids, token, createCustomer: _, ...world } = await buildWorld(gateway)
const { database, sql } = gateway

const sessions: { id: string; user_id: string }[] = []
for (const person of PEOPLE) {
  if (person === 'disabled') continue
  const [, payload] = (await token.call(world, person)).split('.')
  const { sid, sub } = JSON.parse(Buffer.from(payload as string, 'base64url').toString()) as Record<string, string>
  sessions.push({ id: sid as string, user_id: sub as string })
}
const NOBODY = '00000000-0000-4000-8000-000000000000'
const keyId = (key: string) => key.split('_')[1] as string
const of = (tenant_id: string, key_id: string, session = sessions[0]): Claims => ({
  tenant_id,
  key_id,
  session_id: session?.id ?? null,
  user_id: session?.user_id ?? null,
})
const own = of(acme.id, keyId(acme.key))

/** Returns the database with `around` called in place of each statement, with the number of its claims. */
function watched(around: (send: () => Promise<unknown[]>, claims: number) => Promise<unknown[]>): Database {
  return {
    ...database,
    readOne: (binding, statement) =>
      around(() => database.readOne(binding, statement), (statement.values[0] as unknown[]).length),
  }
}

// Attack: a caller sends a request at the same time as another caller, to get the facts of the other.
t.test('claims that are read together in one statement get the facts that each gets alone', async (t) => {
  const session = fc.constantFrom(...sessions, { id: sessions[0]?.id as string, user_id: ids.agent }, undefined)
  const claims = fc
    .record({
      tenant_id: fc.constantFrom(acme.id, globex.id, NOBODY, null),
      key_id: fc.constantFrom(...[acme.key, acme.integration_key, globex.key].map(keyId), 'NULL', '0123456789ab', null),
      session,
    })
    .map(({ tenant_id, key_id, session }) => ({
      tenant_id,
      key_id,
      session_id: session?.id ?? null,
      user_id: session?.user_id ?? null,
    }))
  const alone = openFactsReader(database)
  let found = 0
  await fc.assert(
    fc.asyncProperty(fc.array(claims, { minLength: 1, maxLength: 90 }), async (drawn) => {
      const all = [...drawn, own]
      const statements: number[] = []
      const reader = openFactsReader(
        watched((send, count) => {
          statements.push(count)
          return send()
        }),
      )
      const together = await Promise.all(all.map((each) => reader.read(each)))
      t.ok(statements.length <= 10, `${statements.length} statements for ${all.length}`)
      for (const [index, each] of all.entries()) {
        t.strictSame(together[index], await alone.read(each))
        if (together[index]?.membership) found += 1
      }
    }),
    { numRuns: 12 },
  )
  t.ok(found >= 12, `${found} memberships, at least one in each run`)
})

// Attack: a caller sends a request just after a revocation, to join a statement that was sent before it.
t.test('a request never gets facts from a statement that was sent before the request arrived', async (t) => {
  const held = deferred()
  let sent = 0
  const is_read = deferred()
  const reader = openFactsReader(
    watched(async (send) => {
      sent += 1
      const rows = await send()
      is_read.resolve()
      if (sent === 1) await held.promise
      return rows
    }),
  )
  const before = reader.read(own)
  await is_read.promise
  await sql(`update tenant_keys set revoked_at = now() where id = '${own.key_id}'`)
  const after = reader.read(own)
  held.resolve()
  t.equal((await before).key?.revoked_at, null)
  t.match((await after).key?.revoked_at, /Z$|\+00:00$/)
  t.equal(sent, 2)
  await sql(`update tenant_keys set revoked_at = null where id = '${own.key_id}'`)
})

// One unreadable row must not make the gateway refuse all callers. A null in policy data once caused the outage of a
// whole cloud.
t.test('after a failed statement the reader reads the claims one by one, and only the broken one fails', async (t) => {
  const reader = openFactsReader({
    ...database,
    readOne: async (binding, statement) => {
      if ((statement.values[0] as unknown[]).includes(globex.id)) throw new Error('a row that nobody can read')
      return database.readOne(binding, statement)
    },
  })
  const [good, broken, other] = await Promise.allSettled([
    reader.read(own),
    reader.read(of(globex.id, keyId(globex.key))),
    reader.read(own),
  ])
  t.match([good, other], [{ value: { tenant: { id: acme.id } } }, { value: { tenant: { id: acme.id } } }])
  t.match(broken, { status: 'rejected', reason: { message: 'a row that nobody can read' } })
})

t.test('503 for all requests while the database is unavailable, and facts when it is available again', async (t) => {
  let is_away = true
  const reader = openFactsReader(
    watched((send) => (is_away ? Promise.reject(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })) : send())),
  )
  const outcomes = await Promise.allSettled(Array.from({ length: 200 }, () => reader.read(own)))
  for (const outcome of outcomes) t.match(outcome, { reason: { code: 'service_unavailable' } })
  is_away = false
  t.match(await reader.read(own), { key: { id: own.key_id } })
})

// Without a bound, requests would queue in memory while the database does not respond.
t.test('503 at once for requests beyond 10,000 that wait', async (t) => {
  const held = deferred()
  const reader = openFactsReader({
    ...database,
    readOne: async (_binding, { values }) => {
      await held.promise
      return (values[0] as unknown[]).map((_, index) => ({ position: index + 1, facts: NO_FACTS }))
    },
  })
  const all = Array.from({ length: 10_500 }, () =>
    reader.read(own).then(
      () => 'answered',
      () => 'refused',
    ),
  )
  await new Promise((resolve) => setImmediate(resolve))
  held.resolve()
  const outcomes = await Promise.all(all)
  t.ok(outcomes.filter((outcome) => outcome === 'refused').length >= 500 - 128)
  t.ok(outcomes.filter((outcome) => outcome === 'answered').length >= 10_000)
})

// Attack: a caller gets the rights of another caller, because the gateway confuses the rows of one statement.
t.test('the reader discards facts at the wrong position and reads each claim again', async (t) => {
  const statements: number[] = []
  const reader = openFactsReader(
    watched(async (send, count) => {
      statements.push(count)
      const rows = (await send()) as { position: number }[]
      return rows.map((row) => ({ ...row, position: rows.length + 1 - row.position }))
    }),
  )
  const outcomes = await Promise.all([reader.read(own), reader.read(of(globex.id, keyId(globex.key)))])
  t.match(outcomes, [{ tenant: { id: acme.id } }, { tenant: { id: globex.id } }])
  t.strictSame(statements, [2, 1, 1])
  const liar = openFactsReader(watched(async (send) => (await send()).slice(0, 0)))
  await t.rejects(liar.read(own), { message: /not those of the request/ })
})
