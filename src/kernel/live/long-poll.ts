import type { FastifyRequest } from 'fastify'
import type { Ending, Transport } from './connection.js'
import type { ConversationListener } from './follower.js'
import type { Live } from './live.js'

/**
 * Waits until a conversation has a message after a seq, or until the time is up. The route then answers as without a
 * wait. A waiting poll is a connection: it counts for the limits, and ends when its caller loses access.
 *
 * @throws Problem the refusal that the same request would get now; `too_many_connections`, `service_unavailable`
 */
export async function waitForMessage(
  live: Live,
  request: FastifyRequest,
  conversation_id: string,
  after: number,
  wait_seconds: number,
): Promise<void> {
  const admission = await live.admit(request, conversation_id)
  const { last_seq } = admission
  // The retention may have deleted the messages after that seq. A client that got an empty page at once would poll again at once.
  if (last_seq > after && (await live.log.after(request.tenant.id, conversation_id, after, 1)).length > 0) return
  const known = Math.max(after, last_seq)
  let settle: (ending?: Ending) => void = () => undefined
  const settled = new Promise<void>((resolve, reject) => {
    settle = (ending) => (ending === undefined ? resolve() : reject(ending.problem))
  })
  // The access can end before the await below. Without a handler, Node would end the process.
  settled.catch(() => undefined)
  const ends_at_ms = live.clock() + wait_seconds * 1000
  const transport: Transport = {
    send: () => undefined,
    is_congested: false,
    drained: async () => undefined,
    end: (ending) => settle(ending),
    tick(now_ms) {
      if (now_ms >= ends_at_ms) settle()
      return undefined
    },
  }
  const { connection, follower } = live.open(request, admission, transport)
  const onEvent: ConversationListener = (event) => {
    if (event.kind === 'chat_message' && event.message.seq > known) settle()
  }
  const hangUp = () => settle()
  const { socket } = request.raw
  // A client that closes its sending side may have left. If it has not, it gets its response now instead of later.
  socket.once('close', hangUp).once('end', hangUp)
  // A client that disconnected before this line emits no other event.
  if (socket.destroyed || socket.readableEnded) settle()
  try {
    follower.listen(onEvent)
    await follower.reach(last_seq)
    if (follower.position <= known) await settled
  } finally {
    socket.off('close', hangUp).off('end', hangUp)
    follower.leave(onEvent)
    connection.gone()
  }
}
