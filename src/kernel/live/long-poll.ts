import type { FastifyRequest } from 'fastify'
import type { Ending, Transport } from './connection.js'
import type { LogEnd, LogPosition } from './conversation-log.js'
import type { Live } from './live.js'

/**
 * Waits until a conversation has a message or a change after a position, or until the time is up. The route then answers as
 * without a wait. A waiting poll is a connection: it counts for the limits, and ends when its caller loses access.
 *
 * @throws Problem the refusal that the same request would get now; `too_many_connections`, `service_unavailable`
 */
export async function waitForChange(
  live: Live,
  request: FastifyRequest,
  conversation_id: string,
  after: LogPosition,
  wait_seconds: number,
): Promise<void> {
  const admission = await live.admit(request, conversation_id)
  const { end } = admission
  // The retention may have deleted what came after the position. A client that got an empty page at once would poll again at
  // once.
  if (isAfter(end, after) && (await live.log.exists(request.tenant.id, conversation_id, after))) return
  const known = later(end, after)
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
  const hasMore = () => isAfter({ last_seq: follower.last_seq, last_change: follower.position }, known)
  const onEvent = () => {
    if (hasMore()) settle()
  }
  const hangUp = () => settle()
  const { socket } = request.raw
  // A client that closes its sending side may have left. If it has not, it gets its response now instead of later.
  socket.once('close', hangUp).once('end', hangUp)
  // A client that disconnected before this line emits no other event.
  if (socket.destroyed || socket.readableEnded) settle()
  try {
    follower.listen(onEvent)
    await follower.reach(end)
    if (!hasMore()) await settled
  } finally {
    socket.off('close', hangUp).off('end', hangUp)
    follower.leave(onEvent)
    connection.gone()
  }
}

function isAfter({ last_seq, last_change }: LogEnd, after: LogPosition): boolean {
  return 'seq' in after ? last_seq > after.seq : last_change > after.change
}

/** Returns the end of the log in the unit of a position, if the end is later than the position. */
function later({ last_seq, last_change }: LogEnd, after: LogPosition): LogPosition {
  return 'seq' in after ? { seq: Math.max(last_seq, after.seq) } : { change: Math.max(last_change, after.change) }
}
