import type { FastifyRequest } from 'fastify'
import type { Ending, Transport } from './connection.js'
import type { ConversationListener } from './follower.js'
import type { Live } from './live.js'

/**
 * Waits until a conversation has a message behind a seq, or until the time is over. What there is, the caller reads as
 * without waiting, so a poll says what the list says. While it waits it is a connection like any other: it is counted,
 * and it ends when its caller may not listen any more.
 *
 * @throws Problem as the same request would be refused with now; `too_many_connections`, `service_unavailable`
 */
export async function waitForMessage(
  live: Live,
  request: FastifyRequest,
  conversation_id: string,
  after: number,
  wait_seconds: number,
): Promise<void> {
  const admission = await live.admit(request, conversation_id)
  if (admission.last_seq > after) return
  let settle: (ending?: Ending) => void = () => undefined
  const settled = new Promise<void>((resolve, reject) => {
    settle = (ending) => (ending === undefined ? resolve() : reject(ending.problem))
  })
  // It may be refused before anybody waits for it, which is no surprise to anybody.
  settled.catch(() => undefined)
  const ends_at_ms = live.clock() + wait_seconds * 1000
  const transport: Transport = {
    send: () => undefined,
    is_congested: false,
    drained: async () => undefined,
    end: (ending) => settle(ending),
    tick: (now_ms) => {
      if (now_ms >= ends_at_ms) settle()
    },
  }
  const { connection, follower } = live.open(request, admission, transport, () => follower.leave(onEvent))
  const onEvent: ConversationListener = (event) => {
    if (event.kind === 'chat_message' && event.message.seq > after) settle()
  }
  const hangUp = () => settle()
  request.raw.socket.once('close', hangUp)
  // Whoever left before this line has been announced already.
  if (request.raw.socket.destroyed) settle()
  try {
    follower.listen(onEvent)
    await follower.reach(admission.last_seq)
    if (follower.position <= after) await settled
  } finally {
    request.raw.socket.off('close', hangUp)
    connection.gone()
  }
}
