import { randomUUID } from 'node:crypto'
import type { Caller } from '../../src/features/conversations/caller.js'
import type { Action } from '../../src/kernel/store/actions.js'
import type { TestGateway } from '../helpers/gateway.js'
import type { World } from '../helpers/world.js'
import { makeMember, ownerOf, type Side } from './example-people.js'
import type { Example, Examples } from './examples.js'

/** Examples of conversations, their members and messages, and of reports. */
export function conversationExamples(gateway: TestGateway, world: World, side: Side): Examples {
  const own = world[side]
  const { person, id: owner_id } = ownerOf(world, side)
  const mark = side === 'acme' ? 'ACMEMARK' : 'GLOBEXMARK'
  const caller: Caller = {
    principal: { kind: 'user', id: owner_id, session_id: randomUUID(), key_id: null },
    moderates: true,
  }
  const headers = () => world.as(person, own)
  const open = () =>
    own.store.write('conversation.created', (store) => store.conversations.create({ title: `${mark} talk` }, caller))
  const say = async () => {
    const { id } = await open()
    const message = await own.store.write('message.created', (store) =>
      store.messages.create(id, { content: `${mark} said` }, caller),
    )
    return { id, message_id: message.id }
  }
  /** Creates a report about a message of another user. A moderator does not see reports about their own messages. */
  const report = async () => {
    const { id, message_id } = await say()
    await gateway.sql(`update messages set author_id = '${randomUUID()}' where id = '${message_id}'`)
    return own.store.write('message_report.created', (store) =>
      store.reports.create(id, message_id, `${mark} reason`, caller),
    )
  }
  const join = async () => {
    const { id } = await open()
    const user_id = await makeMember(gateway, world, side)
    await own.store.write('conversation_member.added', (store) =>
      store.conversation_members.add(id, user_id, 'member', caller),
    )
    return { id, user_id }
  }
  const change = async (
    action: Action,
    target: { kind: string; id?: string },
    params: Record<string, string>,
    body?: unknown,
  ): Promise<Example> => ({
    headers: await headers(),
    params,
    body,
    event: {
      action,
      actor_kind: 'user',
      actor_id: owner_id,
      target_kind: target.kind,
      ...(target.id !== undefined && { target_id: target.id }),
      tenant_id: own.id,
    },
  })
  const read = (params: () => Promise<Record<string, string>>) => async () => ({
    headers: await headers(),
    params: await params(),
  })
  const onConversation = async (action: Action, body?: unknown) => {
    const { id } = await open()
    return change(action, { kind: 'conversation', id }, { id }, body)
  }
  const onMember = async (action: Action, body?: unknown) => {
    const params = await join()
    return change(action, { kind: 'conversation_member', id: `${params.id}/${params.user_id}` }, params, body)
  }
  const onMessage = async (action: Action, body?: unknown) => {
    const params = await say()
    return change(action, { kind: 'message', id: params.message_id }, params, body)
  }
  const onReport = async (action: Action) => {
    const { id } = await report()
    return change(action, { kind: 'message_report', id }, { id }, { note: 'Example' })
  }

  return {
    listConversations: async () => ({ headers: await headers() }),
    createConversation: () => change('conversation.created', { kind: 'conversation' }, {}, { title: `${mark} talk` }),
    getConversation: read(async () => ({ id: (await open()).id })),
    updateConversation: () => onConversation('conversation.updated', { status: 'pending' }),
    deleteConversation: () => onConversation('conversation.deleted'),
    handOffConversation: () => onConversation('conversation.handed_off', { assignee_id: owner_id }),
    markRead: async () => {
      const { id } = await say()
      return change('conversation.read', { kind: 'conversation', id }, { id }, { seq: 1 })
    },
    listConversationMembers: read(async () => ({ id: (await open()).id })),
    addConversationMember: async () => {
      const { id } = await open()
      const user_id = await makeMember(gateway, world, side)
      const target = { kind: 'conversation_member', id: `${id}/${user_id}` }
      return change('conversation_member.added', target, { id }, { user_id })
    },
    updateConversationMember: () => onMember('conversation_member.updated', { role: 'moderator' }),
    removeConversationMember: () => onMember('conversation_member.removed'),
    listMessages: read(async () => ({ id: (await say()).id })),
    createMessage: async () => {
      const { id } = await open()
      return change('message.created', { kind: 'message' }, { id }, { content: 'Example' })
    },
    getMessage: read(say),
    updateMessage: () => onMessage('message.updated', { content: 'Changed' }),
    deleteMessage: () => onMessage('message.deleted'),
    reportMessage: async () => {
      const { event, ...asked } = await change('message_report.created', { kind: 'message_report' }, await say(), {
        reason: 'Example',
      })
      return { ...asked, event: event && { ...event, actor_id: null, is_confidential: true } }
    },
    createStreamTicket: async () => {
      const { id } = await say()
      return change('stream_ticket.created', { kind: 'stream_ticket' }, { id })
    },
    streamConversation: async () => ({
      headers: { ...(await headers()), accept: 'text/event-stream' },
      params: { id: (await say()).id },
    }),
    listReports: async () => ({ headers: await headers() }),
    listMyReports: async () => ({ headers: await headers() }),
    getReport: read(async () => ({ id: (await report()).id })),
    reviewReport: () => onReport('message_report.reviewed'),
    dismissReport: () => onReport('message_report.dismissed'),
  }
}
