import type { FeedEvents } from '../../../src/kernel/replicas/fact-feed.js'
import { feedOf } from '../../../src/kernel/replicas/listening-feed.js'
import { openTestDatabase } from '../../helpers/database.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const ONE = '01a22b8b-21e3-74bd-9e65-1246a37212a1'
const TWO = '01a22b8b-21e3-74bd-9e65-1246a37212a2'
const TENANT = '01a22b8b-21e3-74bd-9e65-1246a37212ac'

const opened = await openTestDatabase()
t.teardown(() => opened.close())
const { listen } = opened.database
const changes = async () => (await opened.sql(`select from fact_changes where of_tenant = '${TENANT}'`)).length

// The embedded engine has one process, and no such connection.
if (listen !== undefined) {
  // The login of the gateway may do only what the migrations allow. A sweep that it may not do leaves every change for ever.
  t.test(
    'the login of the gateway may do everything that a feed does, and the sweep keeps what a replica needs',
    async (t) => {
      const heard: string[] = []
      const events: FeedEvents = {
        onChange: () => heard.push('change'),
        onFence: (id) => heard.push(`fence of ${id}`),
        onLeave: (id) => heard.push(`${id} left`),
        onAnnounced: (from, texts) => heard.push(`${from} says ${texts}`),
        onEnd: () => heard.push('end'),
      }
      const feed = await feedOf(listen)(events)
      t.teardown(() => feed.close())
      const first = await feed.register(ONE)
      const other = await feed.register(TWO)
      await opened.sql(`insert into tenants (id, name, created_at) values ('${TENANT}', 'Acme', now());
      update tenants set name = 'Renamed' where id = '${TENANT}'`)
      await until('the change is told', () => heard.includes('change'))
      const answer = await feed.ask(ONE, first, true)
      t.match(answer.changes, [{ about: 'tenant' }])
      await feed.ask(ONE, answer.snapshot, true)
      await until('the fence is told', () => heard.includes(`fence of ${ONE}`))
      await feed.sweep()
      t.equal(await changes(), 1, 'the second replica still needs it')
      const fences = new Map([
        [ONE, answer.snapshot],
        [TWO, other],
      ])
      // Another gateway of the process can be a replica of this database too, and transactions of other databases run.
      await until('the change is deleted', async () => {
        for (const [id, fence] of fences) fences.set(id, (await feed.ask(id, fence, false)).snapshot)
        await feed.sweep()
        return (await changes()) === 0
      })
      await feed.announce(ONE, ['hello'])
      await until('the text has arrived', () => heard.includes(`${ONE} says hello`))
      const registered = (await feed.registered()).map(({ id }) => id)
      t.ok([ONE, TWO].every((id) => registered.includes(id)))

      // A change of many rows would take every replica longer than its lease.
      const before = (await feed.ask(ONE, answer.snapshot, false)).snapshot
      const many = `insert into fact_changes (about, of_tenant) select 'tenant', '${TENANT}' from generate_series(1, 2001)`
      await opened.sql(many)
      t.same((await feed.ask(ONE, before, false)).changes, [{ about: 'all' }])

      await feed.leave(TWO)
      await until('the leave is told', () => heard.includes(`${TWO} left`))
      await feed.leave(ONE)
      await opened.sql(
        `delete from tenants where id = '${TENANT}'; delete from fact_changes where of_tenant = '${TENANT}'`,
      )
    },
  )
} else {
  t.equal(opened.database.engine, 'embedded')
}
