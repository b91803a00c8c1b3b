import type { FastifyReply, FastifyRequest } from 'fastify'
import { TICKET_SECONDS } from '../../../kernel/credentials/ticket.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { orTicket, tenant } from '../../../kernel/request/access.js'
import { required } from '../../../kernel/request/findings.js'
import { problems, type Routes } from '../../../kernel/rest/schemas.js'
import { SOCKET_VERSION } from '../../../kernel/sockets/handshake.js'
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
      const after = afterOf(request)
      const { id } = request.params as { id: string }
      request.findings.admission = { ...(await options.live.admit(request, id)), after }
    },
    handler: async (request, reply) => {
      if (request.method === 'HEAD') return endHead(reply)
      return openEventStream(options, request, reply)
    },
    wsHandler: (socket, request) => openSocket(options, request as FastifyRequest, socket),
  })
}
export default realtime

/** @throws Problem `upgrade_required`, `not_acceptable` */
function checkAccept({ headers }: FastifyRequest): void {
  const accept = (headers.accept ?? '*/*').toLowerCase()
  if (accept.includes('text/event-stream')) return
  if (accept.includes('*/*')) {
    throw new Problem('upgrade_required', {
      headers: { upgrade: 'websocket', 'sec-websocket-version': SOCKET_VERSION },
    })
  }
  throw new Problem('not_acceptable', {
    detail: 'This route is a stream. Send Accept: text/event-stream, or open a WebSocket.',
  })
}

/** Returns the seq to continue after: Last-Event-ID of a reconnecting stream, or `after` of the URL. */
function afterOf(request: FastifyRequest): number | undefined {
  const { after } = request.query as { after?: string }
  const last = request.headers['last-event-id']
  if (last === undefined || last === '') return after === undefined ? undefined : Number(after)
  if (typeof last !== 'string' || !/^(0|[1-9][0-9]{0,8})$/.test(last)) {
    throw invalidField('/last-event-id', 'must be the id of an event of this stream')
  }
  return Number(last)
}

function endHead(reply: FastifyReply) {
  return reply.code(200).type('text/event-stream; charset=utf-8').send()
}
