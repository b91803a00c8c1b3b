import { once } from 'node:events'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { row } from '../../../src/app/pipeline/row.js'
import type { Rule } from '../../../src/kernel/authz/rules.js'
import { Problem } from '../../../src/kernel/problems/problems.js'
import { startGatewayWith } from '../../features/upstreams/services.js'
import { startForeignSockets } from '../../features/upstreams/sockets/foreign-sockets.js'
import { readContract } from '../../guards/contract.js'
import { guardedRoutes } from '../../guards/route-table.js'
import { openEvents } from '../../helpers/event-streams.js'
import { ask } from '../../helpers/requests.js'
import { openSocket } from '../../helpers/sockets.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'

/**
 * The test adds one row that the product does not have: each user must have a second factor. This set holds the users
 * without one. Every part of the gateway that reads the table must apply the row.
 */
const without_factor = new Set<string>()
/** A code that no other row returns. */
const CODE = 'owner_required'
const hasSecondFactor: Rule<typeof CODE> = {
  check: ({ user }) => (user !== null && without_factor.has(user.id) ? new Problem(CODE) : undefined),
}
const second_factor = row({
  columns: ['user', 'member', 'tenant', 'ticket', 'operator'],
  rule: hasSecondFactor,
  refuses: [CODE],
})

const foreign = await startForeignSockets()
t.teardown(() => foreign.close())
const manifest = `upstreams:
  - name: live
    prefix: /live
    origin: ${JSON.stringify(foreign.origin)}
    scopes: { 'live:view': See what happens }
    routes: [{ method: GET, path: /status, scopes: [live:view] }]
    websockets: [{ path: /echo, scopes: [live:view] }]
`
const gateway = await startGatewayWith(t, manifest, { table: (table) => [...table, second_factor] })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const tenant = `/v1/tenants/${acme.id}`
const owner = await world.as('owner')
const CONCERNS_ALL = { kind: 'rights_changed', tenant_id: null, user_id: null, conversation_id: null } as const

/** Removes the second factor of a user while the function runs. */
async function withoutFactor(user_id: string, run: () => Promise<void>): Promise<void> {
  without_factor.add(user_id)
  try {
    await run()
  } finally {
    without_factor.delete(user_id)
  }
}

t.test('403 over HTTP, for every access that takes a user, and not for a key alone', async (t) => {
  const paths = [
    ['/v1/me', owner],
    [`${tenant}/members`, owner],
    ['/v1/customers', owner],
    ['/live/status', owner],
    ['/v1/platform/tenants', await world.bearer('operator')],
  ] as const
  const refused = async ([path, headers]: (typeof paths)[number]) => {
    const { status, body } = await ask(gateway, path, { headers })
    return status === 403 && body.code === CODE
  }
  for (const path of paths) t.notOk(await refused(path), path[0])
  await withoutFactor(ids.owner, () =>
    withoutFactor(ids.operator, async () => {
      for (const path of paths) t.ok(await refused(path), path[0])
      const alone = keyHeaders({ id: acme.id, key: acme.integration_key })
      t.equal((await ask(gateway, '/v1/customers', { headers: alone })).status, 200)
      t.equal((await ask(gateway, '/livez')).status, 200)
    }),
  )
})

t.test('403 after a slow body, although the headers were accepted', async (t) => {
  const { hostname, port } = new URL(gateway.url)
  const body = JSON.stringify({ name: 'Ada Adeyemi' })
  const more = { host: 'x', connection: 'close', expect: '100-continue' }
  const of_body = { 'content-type': 'application/json', 'content-length': `${body.length}` }
  const lines = Object.entries({ ...owner, ...more, ...of_body }).map((line) => `${line.join(': ')}\r\n`)
  const socket = connect(Number(port), hostname)
  socket.write(`POST /v1/customers HTTP/1.1\r\n${lines.join('')}\r\n`)
  const [first] = await once(socket, 'data')
  t.match(String(first), /^HTTP\/1\.1 100 /)
  // The gateway loads the facts again only if they are older than 250 ms.
  await sleep(300)
  await withoutFactor(ids.owner, async () => {
    socket.write(body)
    const answer = await text(socket)
    t.match(answer, /^HTTP\/1\.1 403 /)
    t.match(answer, CODE)
  })
})

t.test('4403 closes an open WebSocket and a relay, and an open event stream ends', async (t) => {
  const opened = await ask(gateway, '/v1/conversations', { headers: owner, body: { title: 'Talk' } })
  t.equal(opened.status, 201, opened.text)
  const stream = `/v1/conversations/${opened.body.id}/stream`
  const ticket = await ask(gateway, `/v1/conversations/${opened.body.id}/tickets`, { method: 'POST', headers: owner })
  const sockets = [
    openSocket(gateway, stream, { headers: owner }),
    openSocket(gateway, `${stream}?token=${ticket.body.ticket}`),
    openSocket(gateway, '/live/echo', { headers: owner }),
  ]
  await Promise.all(sockets.map((socket) => socket.opened()))
  const events = openEvents(gateway, stream, owner)
  await events.event('ready')
  await withoutFactor(ids.owner, async () => {
    gateway.bus.publish(CONCERNS_ALL)
    for (const socket of sockets) t.same(await socket.closed(), { code: 4403, reason: CODE })
    t.match((await events.event('error')).payload, { code: CODE })
    await events.closed()
    const refused = openSocket(gateway, stream, { headers: owner })
    t.same(await refused.closed(), { code: 4403, reason: CODE }, 'a new handshake')
  })
})

t.test('200 the contract lists the code for every route that takes a user, and for no open route', async (t) => {
  const document = readContract((await ask(gateway, '/openapi.json')).body)
  const routes = guardedRoutes(gateway.routes)
  t.ok(routes.length > 50)
  const declared = { name: 'GET /live/status', method: 'GET', url: '/live/status', access: { kind: 'tenant' } }
  for (const { name, method, url, access } of [...routes, declared]) {
    const path = url.replaceAll(/:([a-z_]+)/g, '{$1}')
    const refusal = document.paths[path]?.[method.toLowerCase()]?.responses?.['403']
    t.equal((refusal?.description ?? '').includes(`\`${CODE}\``), access.kind !== 'open', name)
  }
})

t.test('200 access/explain returns the code in refused_before for a member, and not for a key', async (t) => {
  const explain = async (who: object, method: string, path: string) =>
    (await ask(gateway, `${tenant}/access/explain`, { headers: owner, body: { ...who, method, path } })).body
  await withoutFactor(ids.agent, async () => {
    for (const path of ['/v1/me', tenant, '/v1/conversations', '/live/status']) {
      const of_agent = await explain({ user_id: ids.agent }, 'GET', path)
      const really = await ask(gateway, path, { headers: await world.as('agent') })
      t.match(of_agent, { allowed: false }, path)
      t.equal(of_agent.refused_before ?? 'insufficient_scope', really.body.code, path)
    }
    t.match(await explain({ user_id: ids.agent }, 'GET', '/v1/conversations'), { refused_before: CODE })
    t.match(await explain({ key_id: acme.integration_key_id }, 'GET', '/v1/customers'), { allowed: true })
  })
  t.match(await explain({ user_id: ids.agent }, 'GET', '/v1/conversations'), { allowed: true, refused_before: null })
})
