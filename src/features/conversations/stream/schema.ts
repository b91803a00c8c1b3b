import { Type } from 'typebox'
import { TICKET_SECONDS } from '../../../kernel/credentials/ticket.js'
import { strictObject, Uuid } from '../../../kernel/rest/schemas.js'
import { LOG_NUMBER } from '../log-position.js'

export const ConversationParams = strictObject({ id: Uuid })

export const StreamQuery = strictObject({
  changed_after: Type.Optional(
    Type.String({
      pattern: LOG_NUMBER.source,
      description: 'The id of the last frame that you have. The stream starts with the changes after it.',
      'x-documented-as': { type: 'integer', minimum: 0 },
    }),
  ),
  after: Type.Optional(
    Type.String({
      pattern: LOG_NUMBER.source,
      description:
        'The seq of the last message that you have. The stream starts with the changes since that message was written.',
      'x-documented-as': { type: 'integer', minimum: 0 },
    }),
  ),
  token: Type.Optional(
    Type.String({
      maxLength: 100,
      description:
        'A ticket of POST /v1/conversations/{id}/tickets, instead of the headers. Do not send a key or an access token.',
    }),
  ),
})

export const Ticket = Type.Object(
  {
    id: Type.String(),
    ticket: Type.String({ description: 'For ?token= of the stream. It works once. Only this response contains it.' }),
    expires_at: Type.String({ description: `The expiry, ${TICKET_SECONDS} seconds after the request.` }),
    expires_in: Type.Integer({ description: 'The lifetime in seconds.' }),
  },
  { $id: 'StreamTicket' },
)

/** The frames that a client sends on a WebSocket, by their type. */
export const CLIENT_FRAMES = {
  ping: strictObject({ type: Type.Literal('ping') }),
  typing: strictObject({ type: Type.Literal('typing'), is_typing: Type.Boolean() }),
}
