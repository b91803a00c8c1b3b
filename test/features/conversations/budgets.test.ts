import { conversationCalls } from '../../helpers/conversations.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

// These windows are longer than in production, because the clock of the gateway runs on during a test.
const gateway = await startGateway({
  env: { BUDGET_MESSAGES_BURST: '5/100', BUDGET_MESSAGES: '12/6000', ACCESS_TOKEN_SECONDS: '86400' },
})
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { call, open, say, keyWith } = conversationCalls(gateway, world)
type Who = Parameters<typeof call>[0]
const send = (who: Who, id: string, more: object = {}, headers = {}) =>
  call(who, 'POST', `/v1/conversations/${id}/messages`, { content: 'x', ...more }, headers)
const later = (seconds: number) => gateway.clock.advance(seconds * 1000)

// Attack: sends messages in a loop to fill a conversation and to load every listener.
t.test('429 a user is limited to 5 messages in the short window and 12 in the long window', async (t) => {
  const { id } = await open()
  const other = await open()
  await world.as('agent')
  later(12_000)
  const first = await send('agent', id)
  t.equal(first.status, 201)
  t.match(first.headers.get('ratelimit-policy'), '"messages_burst";q=5;w=100, "messages";q=12;w=6000')
  t.match(first.headers.get('ratelimit'), '"messages";r=11;t=6000')
  const rest = await Promise.all(
    Array.from({ length: 9 }, (_, number) => send('agent', number % 2 === 0 ? id : other.id)),
  )
  t.same(
    rest.map(({ status }) => status).sort(),
    [201, 201, 201, 201, 429, 429, 429, 429, 429],
    'the budget is for all conversations together',
  )
  const refused = rest.find(({ status }) => status === 429)
  t.match(refused, { body: { code: 'rate_limited', violated_policies: ['messages_burst'] } })
  t.match(refused?.headers.get('retry-after'), /^\d{1,3}$/)
  t.equal((await send('lead', id)).status, 201, 'another user has their own budget')

  later(101)
  for (let number = 0; number < 5; number += 1) t.equal((await send('agent', id)).status, 201)
  later(101)
  t.equal((await send('agent', id)).status, 201)
  t.equal((await send('agent', id)).status, 201, 'the twelfth message')
  const thirteenth = await send('agent', id)
  t.match(thirteenth, { status: 429, body: { violated_policies: ['messages'] } })
  const { body } = await call('lead', 'GET', `/v1/conversations/${id}/messages?limit=100`)
  t.ok(body.data.length <= 13, 'a refused message is not stored')
  later(6_001)
  t.equal((await send('agent', id)).status, 201)
})

t.test('201 a replay with an Idempotency-Key does not count in the budget', async (t) => {
  const { id } = await open()
  later(12_000)
  for (let number = 0; number < 20; number += 1) {
    const answer = await send('agent', id, {}, { 'idempotency-key': 'same' })
    t.equal(answer.status, 201)
  }
})

t.test('a key that writes for many customers has a separate budget for each customer', async (t) => {
  const key = await keyWith('conversations:view', 'conversations:reply')
  const talks = []
  for (let number = 0; number < 3; number += 1) {
    const customer = await world.createCustomer()
    talks.push({ customer_id: customer.id, id: (await open({ customer_id: customer.id })).id as string })
  }
  later(12_000)
  for (const { id, customer_id } of talks) {
    for (let number = 0; number < 5; number += 1) await say(key, id, 'x', { customer_id })
  }
  const [first] = talks
  t.equal((await send(key, first?.id ?? '', { customer_id: first?.customer_id })).status, 429)
  t.equal((await send(key, first?.id ?? '')).status, 201, 'a message of the key itself')
})
