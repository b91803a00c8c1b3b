import fc from 'fast-check'
import { queriesOn } from '../../../src/kernel/database/queries.js'
import { type Origin, recordEvent, systemOrigin } from '../../../src/kernel/store/audit-record.js'
import { type Subject, targetIdOf } from '../../../src/kernel/store/subject.js'
import { askExample, isWriting } from '../../guards/audit.js'
import { examplesOf } from '../../guards/examples.js'
import { guardedRoutes } from '../../guards/route-table.js'
import { brokenChains } from '../../helpers/chains.js'
import { startGateway } from '../../helpers/gateway.js'
import { randomSeed } from '../../helpers/random.js'
import { openRawStores } from '../../helpers/raw-stores.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const writes = guardedRoutes(gateway.routes).filter(isWriting)
const examples = examplesOf(gateway, world)
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const NOBODY: Origin = systemOrigin('test')

/** Writes a text in another way that may mean the same: letters in capitals where the mask has a bit, and a wrapping. */
function spelled(text: string, mask: number, wrap: string): string {
  const letters = [...text].map((letter, place) => ((mask >> (place % 31)) & 1 ? letter.toUpperCase() : letter))
  return wrap.replace('_', letters.join(''))
}

/** Replaces every text of a value that is an id or an email address. */
function respelled(value: unknown, spell: (text: string) => string): unknown {
  if (typeof value === 'string') return UUID.test(value) || value.includes('@') ? spell(value) : value
  if (Array.isArray(value)) return value.map((item) => respelled(item, spell))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, respelled(item, spell)]))
}

// Attack: the client writes an id in capitals in a write. The digest of the audit event is made from that spelling, the
// column stores another one, and the chain of the tenant can never be verified again.
t.test('every chain is intact after every write, however the client spells ids and addresses', async (t) => {
  const seed = randomSeed(t)
  let accepted = 0
  const spelling = fc.record({
    mask: fc.constantFrom(0, 0x7fffffff, 1, 0x2aaaaaaa),
    wrap: fc.constantFrom('_', 'urn:uuid:_', '{_}', ' _'),
  })
  for (const route of writes) {
    await fc.assert(
      fc.asyncProperty(spelling, async ({ mask, wrap }) => {
        const example = await examples[route.operation_id]?.()
        if (example === undefined) throw new Error(route.name)
        const spell = (text: string) => spelled(text, mask, wrap)
        const { tenant_id, ...params } = (example.params ?? {}) as Record<string, string>
        const { answer } = await askExample(gateway, route, {
          headers: example.headers,
          params: {
            ...(respelled(params, spell) as Record<string, string>),
            ...(tenant_id !== undefined && { tenant_id }),
          },
          body: respelled(example.body, spell),
        })
        if (answer.status < 300) accepted += 1
        return answer.status < 500
      }),
      { numRuns: 2, seed, examples: [[{ mask: 0x7fffffff, wrap: '_' }]] },
    )
  }
  t.same(await brokenChains(gateway), {})
  t.ok(accepted > writes.length / 2, `${accepted} accepted writes`)
})

t.test('a write whose subject is named by another spelling fails and is rolled back', async (t) => {
  const stores = openRawStores({ database: gateway.database, clock: gateway.clock.now, bus: gateway.bus })
  const id = world.ids.agent.toUpperCase()
  const tenant_id = world.acme.id
  const subjects: Subject[] = [
    { kind: 'customer', id, tenant_id, changes: { fields: [] } },
    { kind: 'member', user_id: id, tenant_id, changes: {} },
    { kind: 'conversation_member', conversation_id: world.ids.owner, user_id: id, tenant_id, changes: {} },
    { kind: 'tenant_key', id: 'AAAABBBBCCCC', tenant_id: tenant_id.toUpperCase(), changes: {} },
  ]
  for (const subject of subjects) {
    const before = await gateway.sql('select count(*) from audit_events')
    await t.rejects(
      stores
        .tenant(tenant_id, () => NOBODY)
        .write('customer.created', async ({ raw }) => raw.scope.recordChange(subject)),
      { message: /that no row has/ },
      targetIdOf(subject) ?? '',
    )
    t.same(await gateway.sql('select count(*) from audit_events'), before)
  }
})

// Attack: code of a later release passes the spelling of a client to the audit. The database is the last check.
t.test('the database refuses an audit event with another spelling of its tenant', async (t) => {
  const subject = (tenant_id: string): Subject => ({ kind: 'tenant', tenant_id, changes: { fields: [] } })
  const append = (tenant_id: string) =>
    gateway.database.transaction({ role: 'gatehouse_platform', share: 'test' }, (run) =>
      recordEvent(queriesOn(run), 'tenant.updated', subject(tenant_id), NOBODY, new Date().toISOString()),
    )
  const { id } = world.acme
  for (const tenant_id of [id.toUpperCase(), `{${id}}`, id.replaceAll('-', ''), id.toUpperCase().replaceAll('-', '')]) {
    await t.rejects(append(tenant_id), { code: '22000' }, tenant_id)
  }
  await append(id)
  t.same(await brokenChains(gateway), {})
})
