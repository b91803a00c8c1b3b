import { join } from 'node:path'
import { startForeignSockets } from '../features/upstreams/sockets/foreign-sockets.js'
import { makeUser } from '../guards/examples.js'
import { conversationCalls } from '../helpers/conversations.js'
import { openEvents } from '../helpers/event-streams.js'
import { joinTenant } from '../helpers/members.js'
import { ask } from '../helpers/requests.js'
import { openSocket } from '../helpers/sockets.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import { keyHeaders, PASSWORD } from '../helpers/world.js'
import type { GatewayProcess } from '../process/gateway-process.js'
import { quantile, startReplicas } from './replicas.js'

const MESSAGES = 60
const MEMBERS = Number(process.env.LIVE_MEMBERS ?? 10)
const SOCKETS_EACH = 2
/** Without the other replicas, a socket would hear of a change after up to 15 s. */
const HEARD_MS_MAX = 5_000

t.setTimeout(280_000)
const service = await startForeignSockets()
t.teardown(() => service.close())
const manifest = `upstreams:
  - name: talk
    prefix: /talk
    origin: ${service.origin}
    websockets: [{ path: /echo, scopes: [conversations:view] }]
`
const UPSTREAMS_FILE = join(t.testdir({ 'upstreams.yaml': manifest }), 'upstreams.yaml')
const replicas = await startReplicas(t, { UPSTREAMS_FILE })
const { maker, world, processes, change } = replicas
const calls = conversationCalls(maker, world)
const first = processes[0] as GatewayProcess
const { acme } = world
const owner = await world.bearer('owner')
const leadHeaders = await world.as('lead')
const at = (index: number) => processes[index % processes.length] as GatewayProcess

/** Opens a socket on a conversation at each process. */
async function listenEverywhere(headers: Record<string, string>, id: string) {
  const sockets = processes.map((on) => openSocket(on, `/v1/conversations/${id}/stream`, { headers }))
  for (const socket of sockets) await socket.frame('ready')
  return sockets
}

t.test('a message that one process writes reaches the sockets of all processes at once, in order', async (t) => {
  const headers = await world.as('lead')
  const { id } = await calls.open()
  const sockets = await listenEverywhere(headers, id)
  const waits: number[] = []
  for (let index = 0; index < MESSAGES; index += 1) {
    const began = performance.now()
    const on = at(index)
    await change(on, headers, 'POST', `/v1/conversations/${id}/messages`, { body: { content: `message ${index}` } })
    const heard = () => sockets.every(({ frames }) => frames.length === index + 2)
    await until('all sockets have the message', heard, { within_ms: HEARD_MS_MAX })
    waits.push(performance.now() - began)
  }
  for (const { frames } of sockets) {
    t.same(
      frames.slice(1).map(({ payload }) => payload.seq),
      Array.from({ length: MESSAGES }, (_each, index) => index + 1),
    )
  }
  t.comment(
    `ms until all sockets have it: p50 ${quantile(waits, 0.5).toFixed(1)}, p99 ${quantile(waits, 0.99).toFixed(1)}`,
  )
  const { id: message_id } = sockets[0]?.frames[1]?.payload ?? {}
  await change(first, headers, 'PATCH', `/v1/conversations/${id}/messages/${message_id}`, {
    body: { content: 'edited' },
  })
  const edited = () => sockets.every(({ frames }) => frames.at(-1)?.type === 'chat_message_updated')
  await until('all sockets have the edit', edited, { within_ms: HEARD_MS_MAX })
  sockets[0]?.send({ type: 'typing', is_typing: true })
  sockets[0]?.send({ type: 'read', seq: 3 })
  const other = await listenEverywhere(await world.as('agent'), id)
  sockets[1]?.send({ type: 'typing', is_typing: true })
  const typing = () => other.every(({ frames }) => frames.some(({ type }) => type === 'chat_typing'))
  await until('the sockets of others hear of typing', typing, { within_ms: HEARD_MS_MAX })
  for (const { socket } of [...sockets, ...other]) socket.terminate()
})

// Attack: a member whose right ended goes on reading through a socket at another process.
t.test('a right that ends closes its sockets at all processes, and no other', async (t) => {
  const { id } = await calls.open()
  const staying = await listenEverywhere(await world.as('lead'), id)
  const operator = await world.bearer('operator')
  const members: { readonly end: () => Promise<unknown>; readonly sockets: ReturnType<typeof openSocket>[] }[] = []
  for (let index = 0; index < MEMBERS; index += 1) {
    const user = await makeUser(maker, world)
    await joinTenant(maker, owner, acme.id, { user_id: user.id, roles: ['Agent'] })
    const body = { email: user.email, password: PASSWORD }
    const { access } = await change(first, {}, 'POST', '/v1/auth/login', { body })
    const bearer = { authorization: `Bearer ${access}` }
    const keys = `/v1/tenants/${acme.id}/keys`
    const key = await change(first, owner, 'POST', keys, { body: { name: 'Of one member', scopes: [] } })
    const sockets: ReturnType<typeof openSocket>[] = []
    for (let turn = 0; turn < SOCKETS_EACH; turn += 1) {
      const headers = { ...bearer, ...keyHeaders({ id: acme.id, key: key.key }) }
      sockets.push(...(await listenEverywhere(headers, id)))
    }
    const path = `/v1/tenants/${acme.id}/members/${user.id}`
    const deny = { body: { effect: 'deny', reason: 'Leaving' } }
    const password = { body: { current_password: PASSWORD, new_password: 'violet-harbour-candle-93' } }
    const ends = [
      () => change(at(index), owner, 'PATCH', path, { body: { state: 'disabled' } }),
      () => change(at(index), owner, 'PATCH', path, { body: { roles: ['Analyst'] } }),
      () => change(at(index), owner, 'PUT', `${path}/overrides/conversations:view`, deny),
      () => change(at(index), bearer, 'POST', '/v1/auth/logout'),
      () => change(at(index), owner, 'DELETE', path),
      () => change(at(index), owner, 'PATCH', `${keys}/${key.id}`, { body: { allowed_cidrs: ['192.0.2.0/24'] } }),
      () => change(at(index), owner, 'DELETE', `${keys}/${key.id}`),
      () => change(at(index), operator, 'POST', `/v1/platform/users/${user.id}/disable`),
      () => change(at(index), owner, 'POST', `${keys}/${key.id}/rotate`, { body: { overlap_seconds: 0 } }),
      async () => {
        // The session that changes the password stays.
        const other = await change(first, {}, 'POST', '/v1/auth/login', { body })
        await change(at(index), { authorization: `Bearer ${other.access}` }, 'PUT', '/v1/me/password', password)
      },
    ]
    members.push({ end: ends[index % ends.length] as () => Promise<unknown>, sockets })
  }
  const waits: number[] = []
  for (const [index, { end, sockets }] of members.entries()) {
    await end()
    const answered = performance.now()
    await until('its sockets are closed', () => sockets.every(({ refusal }) => refusal() !== undefined), {
      within_ms: HEARD_MS_MAX,
      every_ms: 1,
    })
    waits.push(performance.now() - answered)
    for (const { refusal } of sockets) t.match(refusal(), /^44(01|03) /)
    const others = members.slice(index + 1).flatMap(({ sockets }) => sockets)
    t.ok(
      [...others, ...staying].every((socket) => socket.isOpen()),
      'no other socket is closed',
    )
  }
  t.comment(
    `${MEMBERS * SOCKETS_EACH * processes.length} sockets; ms from the answer to the last close: p50 ${quantile(waits, 0.5).toFixed(1)}, p99 ${quantile(waits, 0.99).toFixed(1)}`,
  )
  for (const { socket } of staying) socket.terminate()
})

// Attack: a user who was removed from a private conversation goes on reading at another process.
t.test('the end of a membership in a conversation closes its sockets at all processes', async (t) => {
  const { id } = await calls.open({ visibility: 'members' })
  await calls.add('lead', id, world.ids.agent)
  const sockets = await listenEverywhere(await world.as('agent'), id)
  await change(first, await world.as('lead'), 'DELETE', `/v1/conversations/${id}/members/${world.ids.agent}`)
  await until('its sockets are closed', () => sockets.every(({ refusal }) => refusal() !== undefined), {
    within_ms: HEARD_MS_MAX,
  })
  for (const { refusal } of sockets) t.equal(refusal(), '4403 not_found')
})

// Attack: a member whose right ended goes on talking to a service behind another process.
t.test('a right that ends closes the relayed sockets and the long polls of all processes', async (t) => {
  const { id } = await calls.open()
  const user = await makeUser(maker, world)
  await joinTenant(maker, owner, acme.id, { user_id: user.id, roles: ['Agent'] })
  const body = { email: user.email, password: PASSWORD }
  const { access } = await change(first, {}, 'POST', '/v1/auth/login', { body })
  const headers = { authorization: `Bearer ${access}`, ...keyHeaders(acme) }
  const staying = processes.map((on) => openSocket(on, '/talk/echo', { headers: leadHeaders }))
  const relayed = processes.map((on) => openSocket(on, '/talk/echo', { headers }))
  await until('the sockets are relayed', () => [...staying, ...relayed].every((socket) => socket.isOpen()))
  const polls = processes.map((on) => ask(on, `/v1/conversations/${id}/messages?after=0&wait=25`, { headers }))
  const events = processes.map((on) => openEvents(on, `/v1/conversations/${id}/stream`, headers))
  for (const each of events) await each.event('ready')
  await change(at(1), owner, 'PATCH', `/v1/tenants/${acme.id}/members/${user.id}`, { body: { roles: ['Analyst'] } })
  await until('the relays are closed', () => relayed.every(({ refusal }) => refusal() !== undefined), {
    within_ms: HEARD_MS_MAX,
  })
  for (const { refusal } of relayed) t.match(refusal(), /^4403 insufficient_scope/)
  for (const { status, body } of await Promise.all(polls))
    t.match({ status, body }, { status: 403, body: { code: 'insufficient_scope' } })
  for (const each of events) await each.closed()
  for (const socket of staying) t.ok(socket.isOpen(), 'another caller stays')
  for (const { socket } of staying) socket.terminate()
})
