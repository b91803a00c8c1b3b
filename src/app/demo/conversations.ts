import { v7 as uuidv7 } from 'uuid'
import type { Caller } from '../../features/conversations/caller.js'
import type { Channel, ConversationStatus } from '../../features/conversations/table.js'
import type { TenantStore } from '../composition/stores.js'

type Speaker = 'customer' | 'agent' | 'owner'

interface Talk {
  readonly title: string
  readonly channel: Channel
  /** The index of the customer; undefined for a conversation of members, which only they see. */
  readonly customer?: number
  readonly status: ConversationStatus
  readonly lines: readonly (readonly [Speaker, string])[]
}

const TALKS: readonly Talk[] = [
  {
    title: 'Shifts next week',
    channel: 'web',
    status: 'open',
    lines: [
      ['owner', 'Can you take Thursday evening?'],
      ['agent', 'Yes, if somebody covers Friday morning.'],
    ],
  },
  {
    title: 'Invoice for October',
    channel: 'email',
    customer: 7,
    status: 'closed',
    lines: [
      ['customer', 'The invoice lists the lamp twice.'],
      ['agent', 'You are right. A corrected one is on its way.'],
      ['customer', 'Received, thank you.'],
    ],
  },
  {
    title: 'Change of address',
    channel: 'whatsapp',
    customer: 23,
    status: 'pending',
    lines: [
      ['customer', 'I am moving on the 12th. Can you send the order to the new flat?'],
      ['agent', 'Gladly. Which street and number?'],
    ],
  },
  {
    title: 'Kettle arrived broken',
    channel: 'web',
    customer: 41,
    status: 'open',
    lines: [
      ['customer', 'Hello, my kettle arrived with a crack in the lid.'],
      ['agent', 'I am sorry to hear that. Could you send a photograph?'],
      ['customer', 'It is attached to the order form.'],
    ],
  },
]

/** The authors in the conversations of the demo. */
export interface DemoSpeakers {
  readonly owner_id: string
  readonly agent_id: string
  /** The key that sends the messages of customers. */
  readonly key_id: string
  readonly customer_ids: readonly string[]
}

/** Seeds a few conversations of a shop. */
export async function seedConversations(store: TenantStore, speakers: DemoSpeakers): Promise<void> {
  const { owner_id, agent_id, key_id, customer_ids } = speakers
  const callers = { owner: userOf(owner_id), agent: userOf(agent_id), customer: keyOf(key_id) }
  for (const { title, channel, customer, status, lines } of TALKS) {
    const customer_id = customer === undefined ? undefined : customer_ids[customer]
    const about = customer_id === undefined ? { visibility: 'members' as const } : { customer_id }
    const { id } = await store.write('conversation.created', (writers) =>
      writers.conversations.create({ title, channel, ...about }, callers.owner),
    )
    await store.write('conversation_member.added', (writers) =>
      writers.conversation_members.add(id, agent_id, 'member', callers.owner),
    )
    for (const [speaker, content] of lines) {
      const message = speaker === 'customer' && customer_id !== undefined ? { content, customer_id } : { content }
      await store.write('message.created', (writers) => writers.messages.create(id, message, callers[speaker]))
    }
    await store.write('conversation.updated', (writers) =>
      writers.conversations.update(id, { status, assignee_id: agent_id }, undefined, callers.owner),
    )
  }
}

function userOf(id: string): Caller {
  return { principal: { kind: 'user', id, session_id: uuidv7(), key_id: null }, moderates: false }
}

function keyOf(id: string): Caller {
  return { principal: { kind: 'key', id }, moderates: false }
}
