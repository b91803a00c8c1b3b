import fc from 'fast-check'
import { concerns, FactMemory, isWhole } from '../../../src/kernel/authz/fact-memory.js'
import { type Claims, type Facts, NO_FACTS } from '../../../src/kernel/authz/facts.js'
import type { FactChange } from '../../../src/kernel/replicas/fact-change.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'

const BOUNDS = { entries_max: 12, share_max: 5, parts_max: 40 }
const claimsOf = (claims: Partial<Claims>): Claims => ({
  tenant_id: null,
  key_id: null,
  session_id: null,
  user_id: null,
  ...claims,
})
/** Facts with a number of parts beside the entry itself. */
const factsOf = (parts: number): Facts => ({
  ...NO_FACTS,
  user: { id: 'user', disabled_at: null, privileges: Array.from({ length: parts }, () => 'a scope') },
})

const names = fc.constantFrom('1', '2', '3')
const claims = fc.oneof(
  fc.record({ tenant_id: names, key_id: fc.option(names) }).map(claimsOf),
  fc.record({ tenant_id: names, user_id: names, session_id: names }).map(claimsOf),
  fc.record({ user_id: names, session_id: names }).map(claimsOf),
)
const changes: fc.Arbitrary<FactChange> = fc.oneof(
  fc.constant({ about: 'all' as const }),
  fc.record({ about: fc.constant('tenant' as const), tenant_id: names }),
  fc.record({ about: fc.constant('key' as const), tenant_id: names, key_id: names }),
  fc.record({ about: fc.constant('user' as const), user_id: names }),
  fc.record({ about: fc.constant('session' as const), user_id: names, session_id: names }),
  fc.record({ about: fc.constant('member' as const), tenant_id: names, user_id: names }),
)
const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: fc.record({ put: claims, parts: fc.nat(12) }) },
    { weight: 2, arbitrary: fc.record({ get: claims }) },
    { weight: 1, arbitrary: fc.record({ drop: changes }) },
  ),
  { maxLength: 80 },
)

t.test('the memory stays within its bounds, and never has an entry after a change that concerns it', async (t) => {
  const seed = randomSeed(t)
  const property = fc.property(steps, (steps) => {
    const memory = new FactMemory(BOUNDS)
    const put = new Map<string, { readonly claims: Claims; readonly facts: Facts }>()
    for (const step of steps) {
      if ('put' in step) {
        const facts = factsOf(step.parts)
        memory.put(step.put, facts)
        put.set(JSON.stringify(step.put), { claims: step.put, facts })
      } else if ('get' in step) memory.get(step.get)
      else {
        memory.drop(step.drop)
        for (const [name, { claims }] of put) if (concerns(step.drop, claims)) put.delete(name)
      }
      const kept = [...put.values()].filter(({ claims }) => memory.get(claims) !== undefined)
      const parts = kept.reduce((sum, { facts }) => sum + 1 + (facts.user?.privileges?.length ?? 0), 0)
      const of_tenant = new Map<string, number>()
      for (const { claims } of kept) {
        const owner = claims.tenant_id ?? `user ${claims.user_id}`
        of_tenant.set(owner, (of_tenant.get(owner) ?? 0) + 1)
      }
      if (memory.size !== kept.length) throw new Error(`${memory.size} entries, ${kept.length} are expected at most`)
      if (memory.size > BOUNDS.entries_max) throw new Error(`${memory.size} entries`)
      if (parts > BOUNDS.parts_max) throw new Error(`${parts} parts`)
      if (Math.max(0, ...of_tenant.values()) > BOUNDS.share_max) throw new Error('a share is exceeded')
    }
  })
  const { failed, errorInstance } = await fc.check(property, { numRuns: 500, seed })
  t.notOk(failed, String(errorInstance))
})

t.test('the last facts that were put are the ones that are found', async (t) => {
  const memory = new FactMemory(BOUNDS)
  const own = claimsOf({ tenant_id: '1', key_id: '2' })
  memory.put(own, factsOf(1))
  memory.put(own, factsOf(2))
  t.same(await memory.get(own), factsOf(2))
  t.equal(memory.size, 1)
})

// Attack: one tenant has so many callers that the facts of all other tenants are forgotten.
t.test('the callers of one tenant do not push out those of others', async (t) => {
  const memory = new FactMemory(BOUNDS)
  const other = claimsOf({ tenant_id: 'other', key_id: 'k' })
  memory.put(other, factsOf(0))
  for (let key = 0; key < 100; key += 1) memory.put(claimsOf({ tenant_id: 'busy', key_id: String(key) }), factsOf(0))
  t.ok(memory.get(other) !== undefined)
  t.equal(memory.size, BOUNDS.share_max + 1)
})

t.test('the id of a tenant in capitals is the same tenant', async (t) => {
  const memory = new FactMemory(BOUNDS)
  const claims = claimsOf({ tenant_id: 'ABC', key_id: 'k' })
  memory.put(claims, factsOf(0))
  memory.drop({ about: 'tenant', tenant_id: 'abc' })
  t.equal(memory.get(claims), undefined)
})

// Attack: asks with a membership that does not exist yet, so that the later membership would count for nothing.
t.test('facts are whole only if everything that was claimed was found', async (t) => {
  const key = { id: 'k' } as unknown as Facts['key']
  const tenant = { id: 't' } as unknown as Facts['tenant']
  const user = { id: 'u' } as unknown as Facts['user']
  const session = { id: 's' } as unknown as Facts['session']
  const membership = { state: 'active' } as unknown as Facts['membership']
  const all = { tenant, key, user, session, membership }
  const claims = { tenant_id: 't', key_id: 'k', session_id: 's', user_id: 'u' }
  t.ok(isWhole(claims, all))
  for (const part of Object.keys(all)) t.notOk(isWhole(claims, { ...all, [part]: null }), part)
  t.ok(isWhole({ ...claims, user_id: null, session_id: null }, { ...NO_FACTS, tenant, key }))
  t.ok(isWhole({ ...claims, tenant_id: null, key_id: null }, { ...NO_FACTS, user, session }))
  t.ok(isWhole({ ...claims, tenant_id: null }, { ...NO_FACTS, user, session }), 'a key without a tenant is not read')
})
