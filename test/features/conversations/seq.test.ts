import { randomUUID } from 'node:crypto'
import type { LiveEvent } from '../../../src/kernel/store/events.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const WRITERS = 200
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const { call, open, get, say } = conversationCalls(gateway, world)
const seqsOf = async (id: string): Promise<number[]> => {
  const rows = await gateway.sql(`select seq from messages where conversation_id = '${id}' order by seq`)
  return rows.map(({ seq }) => Number(seq))
}
/** Retries while the gateway answers 503. Such a request has stored nothing. */
const insist = async (who: 'agent' | 'lead' | 'owner', id: string, content: string): Promise<number> => {
  for (let tries = 0; tries < 50; tries += 1) {
    const answer = await call(who, 'POST', `/v1/conversations/${id}/messages`, { content })
    if (answer.status === 201) return answer.body.seq
    if (answer.status !== 503) throw new Error(answer.text)
  }
  throw new Error('busy for ever')
}
const upTo = (count: number) => Array.from({ length: count }, (_, number) => number + 1)

// Two messages must not get the same seq, and no seq may be skipped.
t.test('201 concurrent messages get the seqs 1 to 200, each exactly once', async (t) => {
  const { id } = await open()
  await Promise.all([world.as('agent'), world.as('lead'), world.as('owner')])
  const who = ['agent', 'lead', 'owner'] as const
  const written = await Promise.all(
    upTo(WRITERS).map((number) => insist(who[number % who.length] ?? 'agent', id, `message ${number}`)),
  )
  t.same(
    written.sort((left, right) => left - right),
    upTo(WRITERS),
  )
  t.same(await seqsOf(id), upTo(WRITERS))
  t.equal((await get('lead', id)).body.last_seq, WRITERS)
  const said = await gateway.sql(
    `select count(distinct content)::int as count from messages where conversation_id = '${id}'`,
  )
  t.same(said, [{ count: WRITERS }])
})

t.test('a refused message, and one whose transaction fails at the end, leave no gap', async (t) => {
  const { id } = await open()
  const failing = gateway.stores.tenant(acme.id, () => ({
    actor: { kind: 'user', id: ids.agent },
    address: null,
    user_agent: null,
    // The audit event cannot be stored with a NUL, so the whole transaction is rolled back.
    request_id: '\u0000',
  }))
  const caller = {
    principal: { kind: 'user', id: ids.agent, session_id: randomUUID(), key_id: null },
    moderates: false,
  } as const
  const tries = upTo(60).map((number) => {
    if (number % 3 === 0) return insist('agent', id, `message ${number}`)
    if (number % 3 === 1) {
      return failing
        .write('message.created', (store) => store.messages.create(id, { content: 'undone' }, caller))
        .then(
          () => t.fail('the message was stored'),
          () => undefined,
        )
    }
    return call('agent', 'POST', `/v1/conversations/${id}/messages`, { content: 'x', reply_to: randomUUID() })
  })
  await Promise.all(tries)
  t.same(await seqsOf(id), upTo(20))
  t.equal((await get('lead', id)).body.last_seq, 20)
})

t.test('201 409 repeated and concurrent requests with one Idempotency-Key create one message', async (t) => {
  const { id } = await open()
  const send = (content: string) =>
    call('agent', 'POST', `/v1/conversations/${id}/messages`, { content }, { 'idempotency-key': 'once' })
  const answers = await Promise.all(upTo(20).map(() => send('once')))
  t.ok(
    answers.every(({ status }) => status === 201 || status === 409),
    String(answers.map(({ status }) => status)),
  )
  const again = await send('once')
  t.match(again, { status: 201, body: { seq: 1, content: 'once' } })
  t.equal(again.headers.get('idempotency-replayed'), 'true')
  t.match(await send('twice'), { status: 422, body: { code: 'idempotency_mismatch' } })
  t.same(await seqsOf(id), [1])
  t.equal((await say('agent', id, 'next')).seq, 2)
})

t.test('a change publishes its event after the commit, and a failed change publishes none', async (t) => {
  const told: LiveEvent[] = []
  const origin = { actor: { kind: 'user', id: ids.lead }, address: null, user_agent: null, request_id: null } as const
  t.teardown(gateway.bus.subscribe((event) => void told.push(event)))
  const store = gateway.stores.tenant(acme.id, () => origin)
  const caller = {
    principal: { kind: 'user', id: ids.lead, session_id: randomUUID(), key_id: null },
    moderates: true,
  } as const
  const { id } = await open()
  const place = { tenant_id: acme.id, conversation_id: id }
  const message = await store.write('message.created', (writers) =>
    writers.messages.create(id, { content: 'Hello' }, caller),
  )
  const shown = (await call('lead', 'GET', `/v1/conversations/${id}/messages/${message.id}`)).body
  t.same(
    told.splice(0),
    [{ kind: 'chat_message', ...place, change: 1, message: shown }],
    'the message as in the REST API',
  )
  await store.write('message.updated', (writers) => writers.messages.update(id, message.id, 'Hi', caller))
  t.match(told.splice(0), [
    { kind: 'chat_message_updated', ...place, change: 2, message: { content: 'Hi', seq: 1, change: 2 } },
  ])
  await store.write('conversation.read', (writers) => writers.read_markers.mark(id, 1, caller))
  await store.write('conversation.read', (writers) => writers.read_markers.mark(id, 1, caller))
  t.same(told.splice(0), [{ kind: 'chat_read', ...place, user_id: ids.lead, seq: 1 }], 'one event for two requests')
  await store.write('message.deleted', (writers) => writers.messages.delete(id, message.id, caller))
  t.match(told.splice(0), [
    { kind: 'chat_message_deleted', ...place, change: 3, message: { content: null, seq: 1, change: 3 } },
  ])
  await store.write('conversation_member.added', (writers) =>
    writers.conversation_members.add(id, ids.agent, 'member', caller),
  )
  await store.write('conversation_member.removed', (writers) =>
    writers.conversation_members.remove(id, ids.agent, caller),
  )
  const rights = { kind: 'rights_changed', ...place, user_id: ids.agent }
  t.same(told.splice(0), [rights, rights])
  await t.rejects(
    store.write('message.created', (writers) =>
      writers.messages.create(id, { content: 'x', reply_to: randomUUID() }, caller),
    ),
  )
  t.same(told, [])
})
