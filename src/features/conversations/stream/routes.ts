import type { FastifyReply, FastifyRequest } from 'fastify'
import { TICKET_SECONDS } from '../../../kernel/credentials/ticket.js'
import type { LogPosition } from '../../../kernel/live/conversation-log.js'
import type { Live } from '../../../kernel/live/live.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { orTicket, tenant } from '../../../kernel/request/access.js'
import { required } from '../../../kernel/request/findings.js'
import { acceptedRange } from '../../../kernel/rest/accept.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { SOCKET_VERSION } from '../../../kernel/sockets/handshake.js'
import { LOG_NUMBER, logPositionOf } from '../log-position.js'
import type { StreamOptions } from './options.js'
import { ConversationParams, StreamQuery, Ticket } from './schema.js'
import { openEventStream, openSocket } from './streams.js'
import { STREAM_DESCRIPTION } from './wire.js'

const tags = ['conversations']

/** The stream of a conversation, and the tickets for clients that cannot send headers. */
const realtime: Routes<StreamOptions> = async (app, options) => {
  app.post(
    '/:id/tickets',
    {
      config: tenant('conversations:view'),
      schema: {
        operationId: 'createStreamTicket',
        summary: 'Create a ticket that opens the stream of a conversation once',
        description: `For browsers, which cannot send headers with a socket. The ticket replaces the headers of this request, for ${TICKET_SECONDS} seconds. Its stream ends when the access token of this request expires.`,
        tags,
        params: ConversationParams,
        response: { 201: Ticket, ...problems('not_found', 'user_required', 'too_many_connections') },
      },
    },
    async (request, reply) => {
      await options.live.admit(request, request.params.id)
      const credential = required(request.findings.credential)
      const ticket = await request.tenant_store.write('stream_ticket.created', (store) =>
        store.tickets.issue(request.params.id, credential),
      )
      return reply.code(201).send({ ...ticket, expires_in: TICKET_SECONDS })
    },
  )

  app.route({
    method: 'GET',
    url: '/:id/stream',
    config: orTicket(tenant('conversations:view')),
    schema: {
      operationId: 'streamConversation',
      summary: 'Stream the events of a conversation',
      description: STREAM_DESCRIPTION,
      tags,
      params: ConversationParams,
      querystring: StreamQuery,
      response: {
        200: {
          description: 'The events, until the client or the gateway closes the connection.',
          content: { 'text/event-stream': { schema: { type: 'string' } } },
        },
        ...problems('not_found', 'not_acceptable', 'upgrade_required', 'too_many_connections'),
      },
    },
    preHandler: async (request) => {
      if (!request.ws) checkAccept(request)
      const position = requestedPosition(request)
      const { id } = request.params as { id: string }
      const admission = await options.live.admit(request, id)
      request.findings.admission = { ...admission, after: await changeOf(options.live, request, id, position) }
    },
    handler: async (request, reply) => {
      if (request.method === 'HEAD') return endHead(reply)
      return openEventStream(options, request, reply)
    },
    wsHandler: (socket, request) => openSocket(options, request as FastifyRequest, socket),
  })
}
export default realtime

/**
 * Checks that the client wants a stream of events. A client that takes any type has not asked for a response that never
 * ends, and may want a WebSocket: it learns about both.
 *
 * @throws Problem `upgrade_required`, `not_acceptable`
 */
function checkAccept({ headers }: FastifyRequest): void {
  const range = acceptedRange(headers.accept, 'text/event-stream')
  if (range === '*/*') {
    throw new Problem('upgrade_required', {
      headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': SOCKET_VERSION },
    })
  }
  if (range !== undefined) return
  throw new Problem('not_acceptable', {
    detail: 'This route is a stream. Send Accept: text/event-stream, or open a WebSocket.',
  })
}

/**
 * Returns where to continue: Last-Event-ID of a reconnecting stream, or what the URL says.
 * @throws Problem `validation_failed`
 */
function requestedPosition(request: FastifyRequest): LogPosition | undefined {
  const position = logPositionOf(request.query as Parameters<typeof logPositionOf>[0])
  const last = request.headers['last-event-id']
  if (last === undefined || last === '') return position
  if (typeof last !== 'string' || !LOG_NUMBER.test(last)) {
    throw invalidField('/last-event-id', 'must be the id of an event of this stream')
  }
  return { change: Number(last) }
}

/** Returns the change to continue after. A client that has a message has everything up to its creation. */
function changeOf(live: Live, { tenant }: FastifyRequest, id: string, position: LogPosition | undefined) {
  if (position === undefined) return undefined
  return 'change' in position ? position.change : live.log.changeOfSeq(tenant.id, id, position.seq)
}

function endHead(reply: FastifyReply) {
  return reply.code(200).type('text/event-stream; charset=utf-8').send()
}
