import { connect, createServer, type Socket } from 'node:net'
import { FACTS_SHARE } from '../../../src/kernel/database/database.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'
import { silentMs } from '../../../src/kernel/database/pulse.js'
import { openTestDatabase } from '../../helpers/database.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const CONNECTIONS = 4
const opened = await openTestDatabase()
t.teardown(() => opened.close())

/** Passes bytes on between the gateway and a server, until the network loses what is sent on the connections of then. */
async function openTunnel(to: { host: string; port: number }) {
  const lost = new Set<Socket>()
  const open = new Set<Socket>()
  const server = createServer((from) => {
    open.add(from)
    const other = connect(to)
    for (const socket of [from, other]) socket.on('error', () => undefined)
    from.on('data', (bytes) => lost.has(from) || other.write(bytes))
    other.on('data', (bytes) => lost.has(from) || from.write(bytes))
    from.on('close', () => {
      open.delete(from)
      other.destroy()
    })
    other.on('close', () => lost.has(from) || from.destroy())
  }).listen(0, '127.0.0.1')
  await until('the tunnel listens', () => server.listening)
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as { port: number }).port,
    /** From now on nothing arrives on the connections that are open, and none of them ends. */
    lose() {
      for (const socket of open) lost.add(socket)
      return open.size
    },
  }
}

// The embedded engine has no connections.
if (opened.url === undefined) {
  t.equal(opened.database.engine, 'embedded')
} else {
  const url = new URL(opened.url)
  // After a failover the old server says nothing, not even that a connection has ended.
  t.test('connections to a server that has gone silently are given up, and new ones serve at once', async (t) => {
    const tunnel = await openTunnel({ host: url.hostname, port: Number(url.port || 5432) })
    url.host = `127.0.0.1:${tunnel.port}`
    const database = openPooled(url.href, CONNECTIONS, () => undefined)
    t.teardown(() => database.close())
    const binding = { role: 'gatehouse_platform' } as const
    const slow = { text: 'select 1 as one from pg_sleep(0.05)', values: [], row_mode: 'object' } as const
    const readAll = () =>
      Promise.all(
        Array.from({ length: CONNECTIONS * 2 }, (_, index) =>
          database.readOne(
            index < CONNECTIONS ? { ...binding, share: FACTS_SHARE } : { ...binding, share: `share ${index}` },
            slow,
          ),
        ),
      )
    const listen = database.listen
    if (listen === undefined) throw new Error('a server has connections that listen')
    const hears = () => listen([], { onNotification: () => undefined, onEnd: () => undefined })

    const first = await hears()
    t.teardown(() => first.close())
    await readAll()
    t.ok(tunnel.lose() > CONNECTIONS, 'the pools have connections')
    const question = first.run('select 1', []).catch((error: unknown) => error)
    // It takes one connection. The others are idle, and nothing says that they are of no use any more.
    const error = await database.readOne({ ...binding, share: 'one' }, slow).catch((error: unknown) => error)
    t.ok(silentMs(error) > 0, `what waits is refused: ${error}`)
    t.type(await question, Error)

    const second = await hears()
    t.teardown(() => second.close())
    await second.run('select 1', [])
    t.equal((await readAll()).length, CONNECTIONS * 2)
  })
}
