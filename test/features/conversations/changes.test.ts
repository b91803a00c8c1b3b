import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Caller } from '../../../src/features/conversations/caller.js'
import type { MessageResponse } from '../../../src/features/conversations/messages/schema.js'
import { LOG } from '../../../src/features/conversations/messages/statements.js'
import { REPLAY_PAGE } from '../../../src/kernel/live/limits.js'
import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { randomSeed } from '../../helpers/random.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld } from '../../helpers/world.js'

const WIDE = { BUDGET_MESSAGES: '1000000/60', BUDGET_MESSAGES_BURST: '1000000/1' }
const gateway = await startGateway({ env: WIDE })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, ids } = world
const { call, open, get, say } = conversationCalls(gateway, world)
const caller: Caller = {
  principal: { kind: 'user', id: ids.lead, session_id: randomUUID(), key_id: null },
  moderates: true,
}
const messagesOf = (id: string) => `/v1/conversations/${id}/messages`
const edit = (id: string, message_id: string, content: string) =>
  call('lead', 'PATCH', `${messagesOf(id)}/${message_id}`, { content })
const remove = (id: string, message_id: string) => call('lead', 'DELETE', `${messagesOf(id)}/${message_id}`)
const changed = (id: string, query: string) => call('agent', 'GET', `${messagesOf(id)}?changed_after=${query}`)

t.test(
  '200 changed_after returns what was written, edited and deleted since, each message once as it is now',
  async (t) => {
    const { id } = await open()
    const [first, second, third] = [
      await say('lead', id, 'one'),
      await say('lead', id, 'two'),
      await say('lead', id, 'three'),
    ]
    t.same([first.change, second.change, third.change], [1, 2, 3])
    const { last_change } = (await get('agent', id)).body
    t.equal(last_change, 3)
    t.match(await changed(id, '3'), { status: 200, body: { data: [], next_cursor: null } })
    t.match(await edit(id, third.id, 'edited'), { status: 200, body: { change: 4 } })
    await remove(id, second.id)
    await edit(id, third.id, 'edited again')
    const fourth = await say('lead', id, 'four')
    const { body } = await changed(id, String(last_change))
    t.match(body.data, [
      { id: second.id, seq: 2, change: 5, content: null, deleted_at: /.+/ },
      { id: third.id, seq: 3, change: 6, content: 'edited again' },
      { id: fourth.id, seq: 4, change: 7, content: 'four' },
    ])
    t.equal(body.data.length, 3)
    t.equal((await get('agent', id)).body.last_change, 7)
    const pages: number[] = []
    for (let query: string | undefined = '0&limit=1'; query !== undefined; ) {
      const { body: page } = await changed(id, query)
      pages.push(...page.data.map(({ change }: MessageResponse) => change))
      query = page.next_cursor === null ? undefined : `0&limit=1&cursor=${page.next_cursor}`
    }
    t.same(pages, [1, 5, 6, 7], 'the pages together')
  },
)

t.test('an edit without a change, and a refused one, take no number', async (t) => {
  const { id } = await open()
  const message = await say('lead', id, 'the same')
  await edit(id, message.id, 'the same')
  t.equal((await call('agent', 'PATCH', `${messagesOf(id)}/${message.id}`, { content: 'x' })).status, 403)
  await remove(id, message.id)
  await remove(id, message.id)
  t.equal((await edit(id, message.id, 'late')).status, 409)
  t.equal((await get('agent', id)).body.last_change, 2)
})

t.test('200 a poll with changed_after responds at an edit and at a deletion', async (t) => {
  const { id } = await open()
  const message = await say('lead', id, 'one')
  for (const act of [() => edit(id, message.id, 'edited'), () => remove(id, message.id)]) {
    const { last_change } = (await get('agent', id)).body
    const waiting = changed(id, `${last_change}&wait=25`)
    const message_only = call('owner', 'GET', `${messagesOf(id)}?after=1&wait=25`)
    let is_answered = false
    void message_only.then(() => {
      is_answered = true
    })
    await act()
    t.match((await waiting).body.data, [{ id: message.id, change: last_change + 1 }])
    t.equal(is_answered, false, 'a poll for messages waits on')
    await until('the other poll has its wait time', () => {
      gateway.clock.advance(5_000)
      return is_answered
    })
  }
  t.match(
    (await changed(id, '2&wait=25')).body.data,
    [{ content: null }],
    'a poll that is behind gets its response at once',
  )
})

t.test('400 two positions, and a position that is no number', async (t) => {
  const { id } = await open()
  for (const [query, pointer] of [
    ['1&after=1', '/changed_after'],
    ['-1', '/changed_after'],
    ['x', '/changed_after'],
  ] as const) {
    const answer = await changed(id, query)
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer }] } }, query)
  }
})

// An edit locks its message, and a reply refers to it: each could wait for the row that the other one holds.
t.test(
  'edits, deletions, replies and reports at the same time take the change numbers 1, 2, 3 ... and none fails',
  async (t) => {
    const { id } = await open()
    const targets = await Promise.all([1, 2, 3, 4, 5].map((number) => say('lead', id, `target ${number}`)))
    const acts = targets.flatMap((target) => [
      ...[1, 2, 3].map((number) => edit(id, target.id, `edit ${number}`)),
      ...[1, 2, 3].map(() => call('agent', 'POST', messagesOf(id), { content: 'reply', reply_to: target.id })),
      call('agent', 'POST', `${messagesOf(id)}/${target.id}/reports`, { reason: 'check' }),
      remove(id, (targets[0] as MessageResponse).id),
    ])
    const statuses = (await Promise.all(acts)).map(({ status }) => status)
    t.ok(
      statuses.every((status) => [200, 201, 204, 409].includes(status)),
      String(statuses),
    )
    const rows = await gateway.sql(`select change, created_change from messages where conversation_id = '${id}'`)
    const [end] = await gateway.sql(`select last_change from conversations where id = '${id}'`)
    t.equal(Math.max(...rows.map(({ change }) => Number(change))), end?.last_change)
    t.equal(new Set(rows.map(({ change }) => change)).size, rows.length)
  },
)

// A client can be away at any time, and the pages that it reads can be of any size.
t.test(
  'a client that reads the log or the list in pages, from any position, ends with the messages of the server',
  async (t) => {
    const { store } = acme
    const act = fc.record({
      name: fc.constantFrom('write', 'edit', 'edit', 'delete', 'read', 'list'),
      number: fc.nat(9),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (acts) => {
        const { id } = await store.write('conversation.created', (writers) =>
          writers.conversations.create({ title: 'Talk' }, caller),
        )
        const of_log = { position: 0, copy: new Map<string, unknown>() }
        const of_list = { position: 0, copy: new Map<string, unknown>() }
        const seen: number[] = []
        const readLog = async (limit: number) => {
          const entries = await store.read((readers) => readers.messages.changes(id, of_log.position, limit))
          for (const { change, kind, message } of entries) {
            if (change <= of_log.position) throw new Error(`${change} after ${of_log.position}`)
            if ((kind === 'chat_message') === of_log.copy.has(message.id)) throw new Error(`${kind} of ${message.seq}`)
            if (kind === 'chat_message') seen.push(message.seq)
            of_log.copy.set(message.id, message)
            of_log.position = change
          }
          return entries.length
        }
        const readList = async (limit: number) => {
          const position = { change: of_list.position }
          const { rows } = await store.read((readers) =>
            readers.messages.list(id, position, { limit, after: undefined }),
          )
          for (const message of rows) of_list.copy.set(message.id, message)
          of_list.position = rows.at(-1)?.change ?? of_list.position
          return rows.length
        }
        const ids: string[] = []
        for (const { name, number } of acts) {
          const target = ids[number % Math.max(1, ids.length)]
          if (name === 'write') {
            const { id: message_id } = await store.write('message.created', (writers) =>
              writers.messages.create(id, { content: 'written' }, caller),
            )
            ids.push(message_id)
          } else if (name === 'read') await readLog(1 + (number % 3))
          else if (name === 'list') await readList(1 + (number % 3))
          else if (target !== undefined) {
            const write =
              name === 'edit'
                ? store.write('message.updated', (writers) =>
                    writers.messages.update(id, target, `${Math.random()}`, caller),
                  )
                : store.write('message.deleted', (writers) => writers.messages.delete(id, target, caller))
            await write.catch((error: { code?: string }) => {
              if (error.code !== 'invalid_state') throw error
            })
          }
        }
        while ((await readLog(3)) > 0);
        while ((await readList(2)) > 0);
        const { rows } = await store.read((readers) =>
          readers.messages.list(id, { seq: 0 }, { limit: 100, after: undefined }),
        )
        const inOrder = (copy: Map<string, unknown>) =>
          ([...copy.values()] as MessageResponse[]).sort((left, right) => left.seq - right.seq)
        for (const { copy } of [of_log, of_list]) {
          if (JSON.stringify(inOrder(copy)) !== JSON.stringify(rows)) throw new Error(JSON.stringify(inOrder(copy)))
        }
        if (String(seen) !== String(rows.map(({ seq }) => seq))) throw new Error(`new messages in the order ${seen}`)
      }),
      { numRuns: 15, seed: randomSeed(t) },
    )
    t.pass()
  },
)

// Attack: makes a page of the log expensive, with edits of old messages or with very many messages.
t.test('a page of the log reads a bounded number of rows, wherever it begins', async (t) => {
  const { id } = await open()
  // Every tenth message was edited, in an order of its own.
  await gateway.sql(`
    insert into messages (tenant_id, id, conversation_id, seq, created_change, change, author_kind, author_id, content, created_at)
      select '${acme.id}', gen_random_uuid(), '${id}', n, n, case when n % 10 = 0 then 8000 + (n / 10 * 7919) % 800 + 1 else n end,
        'user', '${ids.owner}', 'x', now() from generate_series(1, 8000) n;
    update conversations set last_seq = 8000, last_change = 8800 where id = '${id}'`)
  const { text } = LOG({ tenant_id: acme.id, conversation_id: id, after: 0, limit: REPLAY_PAGE })
  // The plan for every value, as the gateway has it.
  await gateway.sql('set plan_cache_mode = force_generic_plan')
  await gateway.sql(`prepare log as ${text}`)
  for (const after of [0, 4_000, 7_990, 8_200, 8_800, 0]) {
    // The planner must take these indexes with statistics and without them: the embedded engine never has any.
    if (after === 8_800) await gateway.sql('analyze messages')
    const { values } = LOG({ tenant_id: acme.id, conversation_id: id, after, limit: REPLAY_PAGE })
    const given = values.map((value) => `'${value}'`).join()
    const [row] = await gateway.sql(`explain (analyze, format json) execute log (${given})`)
    const told = row?.['QUERY PLAN']
    const [{ Plan: plan }] = (typeof told === 'string' ? JSON.parse(told) : told) as [{ Plan: Plan }]
    const count = rowsRead(plan)
    t.ok(count <= 4 * REPLAY_PAGE, `${count} rows are read after ${after}`)
  }
  await gateway.sql('deallocate log; reset plan_cache_mode')
})

interface Plan {
  readonly 'Node Type': string
  readonly 'Actual Rows': number
  readonly 'Actual Loops': number
  readonly 'Rows Removed by Filter'?: number
  readonly Plans?: readonly Plan[]
}

/** The rows that the scans of a plan read from tables and indexes. */
function rowsRead(plan: Plan): number {
  const is_scan = / Scan$/.test(plan['Node Type']) && plan['Node Type'] !== 'CTE Scan'
  const own = (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops']
  return (plan.Plans ?? []).reduce((sum, each) => sum + rowsRead(each), is_scan ? own : 0)
}
