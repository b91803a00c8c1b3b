import { Type } from 'typebox'
import { TICKET_SECONDS } from '../../../kernel/credentials/ticket.js'
import { closed, Uuid } from '../../../kernel/rest/schemas.js'

export const ConversationParams = closed({ id: Uuid })

/** A seq as it travels in a URL: digits, of a number that a column of the log can hold. */
export const AfterSeq = Type.String({
  pattern: '^(0|[1-9][0-9]{0,8})$',
  description: 'The seq of the last message that you have: what is behind it is sent first.',
  'x-documented-as': { type: 'integer', minimum: 0 },
})

export const StreamQuery = closed({
  after: Type.Optional(AfterSeq),
  token: Type.Optional(
    Type.String({
      maxLength: 100,
      description: 'A ticket of POST /v1/conversations/{id}/tickets instead of the headers. Never a key or a token.',
    }),
  ),
})

export const Ticket = Type.Object(
  {
    id: Type.String(),
    ticket: Type.String({ description: 'For ?token= of the stream. Works once. It is not shown again.' }),
    expires_at: Type.String({ description: `${TICKET_SECONDS} seconds from now.` }),
    expires_in: Type.Integer({ description: 'Seconds.' }),
  },
  { $id: 'StreamTicket' },
)
