import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { ConversationDeletionsWriter } from './deletion-store.js'
import members from './members/routes.js'
import { ConversationMembersReader, ConversationMembersWriter } from './members/store.js'
import { MessagesReader } from './messages/reader.js'
import messageReports from './messages/reports/routes.js'
import messages from './messages/routes.js'
import { MessagesWriter } from './messages/store.js'
import readMarkers from './read-markers/routes.js'
import { ReadMarkersWriter } from './read-markers/store.js'
import { ConversationsReader } from './reader.js'
import reports from './reports/routes.js'
import { ReportsReader, ReportsWriter } from './reports/store.js'
import conversations from './routes.js'
import { ConversationsWriter } from './store.js'
import type { StreamOptions } from './stream/options.js'
import stream from './stream/routes.js'
import { TicketRedeemer, TicketsWriter } from './stream/tickets-store.js'
import { stream_tickets } from './stream/tickets-table.js'

/** Conversations with their members and messages, the stream of their events, and the reports of messages. */
export default {
  tenant_readers: {
    conversations: ConversationsReader,
    conversation_members: ConversationMembersReader,
    messages: MessagesReader,
    reports: ReportsReader,
  },
  tenant_writers: {
    conversations: ConversationsWriter,
    conversation_deletions: ConversationDeletionsWriter,
    conversation_members: ConversationMembersWriter,
    messages: MessagesWriter,
    read_markers: ReadMarkersWriter,
    reports: ReportsWriter,
    tickets: TicketsWriter,
  },
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: { tickets: TicketRedeemer },
  expiring: [stream_tickets],
  tags: [{ name: 'conversations', description: 'Data plane: conversations, their members and messages, and reports' }],
  routes(services: StreamOptions) {
    const { limiter, live, public_url, observe } = services
    return [
      mount('/v1/conversations', conversations),
      mount('/v1/conversations/:id/read', readMarkers),
      mount('/v1/conversations/:id/members', members),
      mount('/v1/conversations/:id/messages', messages, { limiter, live }),
      mount('/v1/conversations', stream, { live, limiter, public_url, observe }),
      mount('/v1/conversations/:id/messages/:message_id/reports', messageReports),
      mount('/v1/reports', reports),
    ]
  },
} satisfies Feature
