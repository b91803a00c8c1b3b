import { randomUUID } from 'node:crypto'
import { openStores } from '../../../src/app/composition/stores.js'
import { seedDemo } from '../../../src/app/demo/index.js'
import { LEASE_BARRIER } from '../../../src/kernel/replicas/barrier.js'
import { systemOrigin } from '../../../src/kernel/store/audit-record.js'
import { type Bus, openBus } from '../../../src/kernel/store/bus.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const JOB = systemOrigin('test')

/** Runs the work. @returns the kinds of the events that the bus delivered in that time */
async function publishedBy(bus: Bus, work: () => Promise<unknown>): Promise<Set<string>> {
  const kinds = new Set<string>()
  const stop = bus.subscribe(({ kind }) => void kinds.add(kind))
  await work()
  stop()
  return kinds
}

t.test('the writes of the demo reach the bus of the gateway', async (t) => {
  const kinds = await publishedBy(gateway.bus, () => seedDemo(gateway.stores, t.testdir(), gateway.url))
  t.same(kinds, new Set(['rights_changed', 'chat_message']))
})

t.test('the writes of a request and of a job reach the bus of the gateway', async (t) => {
  const world = await buildWorld(gateway)
  const { open, say } = conversationCalls(gateway, world)
  const { id } = await open()
  const request = () => say('agent', id, 'from a request')
  const principal = { kind: 'user', id: world.ids.lead, session_id: randomUUID(), key_id: null } as const
  const job = () =>
    gateway.stores
      .tenant(world.acme.id, () => JOB)
      .write('message.created', (store) =>
        store.messages.create(id, { content: 'from a job' }, { principal, moderates: false }),
      )
  for (const work of [request, job]) t.same(await publishedBy(gateway.bus, work), new Set(['chat_message']))
  const rights = () =>
    gateway.stores.platform(() => JOB).write('user.updated', (store) => store.users.rename(world.ids.agent, 'Renamed'))
  t.same(await publishedBy(gateway.bus, rights), new Set(['rights_changed']), 'a write to the platform')
})

t.test('the writes of a command reach the bus of its own process', async (t) => {
  const bus = openBus((error) => t.fail(String(error)))
  const stores = openStores({ database: gateway.database, clock: gateway.clock.now, bus, barrier: LEASE_BARRIER })
  const write = () =>
    stores
      .platform(() => JOB)
      .write('user.created', (store) =>
        store.users.create({ email: 'new@people.example', name: 'New', password_hash: 'x', is_verified: true }),
      )
  t.same(await publishedBy(bus, write), new Set(), 'a new user changes no rights')
  const [user] = await gateway.sql(`select id from users where email = 'new@people.example'`)
  const rename = () =>
    stores.platform(() => JOB).write('user.updated', (store) => store.users.rename(String(user?.id), 'Newer'))
  t.same(await publishedBy(bus, rename), new Set(['rights_changed']))
})
