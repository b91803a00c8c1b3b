import { randomUUID } from 'node:crypto'
import type { Caller } from '../../src/features/conversations/caller.js'
import type { TestGateway } from './gateway.js'
import type { World } from './world.js'

const DAY_MS = 86_400_000

/** Writes rows of each kind with the time of so many days ago. */
export async function writeDaysAgo(
  gateway: TestGateway,
  days: number,
  { id: tenant_id, store }: World['globex'],
  user_id: string,
) {
  gateway.clock.advance(-days * DAY_MS)
  const caller: Caller = {
    principal: { kind: 'user', id: user_id, session_id: randomUUID(), key_id: null },
    moderates: true,
  }
  const customer = await store.write('customer.created', (parts) => parts.customers.create({ name: 'Aged' }))
  const { id } = await store.write('conversation.created', (parts) =>
    parts.conversations.create({ title: 'Aged', customer_id: customer.id }, caller),
  )
  const messages: { id: string }[] = []
  for (const content of ['one', 'two', 'three']) {
    messages.push(await store.write('message.created', (parts) => parts.messages.create(id, { content }, caller)))
  }
  await store.write('message_report.created', (parts) =>
    parts.reports.create(id, messages[0]?.id as string, 'rude', caller),
  )
  await store.write('tenant_key.created', (parts) => parts.keys.create({ name: 'Aged', scopes: [] }))
  gateway.clock.advance(days * DAY_MS)
  await gateway.sql(`insert into usage_hours values ('${tenant_id}', date_trunc('hour', now() - interval '${days} days'),
    'aged', 'GET /', 200, '', 1, 1, 1)`)
  return { id, messages, customer }
}
