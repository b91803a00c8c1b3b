import { once } from 'node:events'
import { WebSocket } from 'ws'

/** The most handshakes at the same time. After a restart, clients also do not connect all at the same moment. */
const HANDSHAKES_AT_ONCE = 50

/** The arrival of one message on one socket. */
interface Heard {
  readonly seq: number
  readonly delay_ms: number
}

/** A conversation, and the headers of a user who may read it and write to it. */
export interface Talk {
  readonly conversation_id: string
  readonly headers: Readonly<Record<string, string>>
}

/** A socket on a conversation, and the messages that it received. */
export interface Listener {
  readonly conversation_id: string
  readonly heard: readonly Heard[]
  readonly close: () => void
}

/** Connects a number of sockets to each conversation. Resolves when all of them have received `ready`. */
export async function connectAll(
  url: string,
  talks: readonly Talk[],
  each: number,
  signal: AbortSignal,
): Promise<Listener[]> {
  const wanted = talks.flatMap((talk) => Array.from({ length: each }, () => talk))
  const listeners: Listener[] = []
  while (listeners.length < wanted.length) {
    signal.throwIfAborted()
    const next = wanted.slice(listeners.length, listeners.length + HANDSHAKES_AT_ONCE)
    listeners.push(...(await Promise.all(next.map((talk) => connect(url, talk)))))
  }
  return listeners
}

async function connect(url: string, { conversation_id, headers }: Talk): Promise<Listener> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/v1/conversations/${conversation_id}/stream`, { headers })
  const heard: Heard[] = []
  const ready = new Promise<void>((resolve, reject) => {
    socket.on('error', reject)
    socket.on('close', (code, reason) => reject(new Error(`a socket was closed: ${code} ${reason}`)))
    socket.on('message', (data) => {
      const { type, payload } = JSON.parse(String(data))
      if (type === 'ready') resolve()
      if (type === 'chat_message')
        heard.push({ seq: payload.seq, delay_ms: performance.now() - Number(payload.content) })
    })
  })
  await once(socket, 'open')
  await ready
  return { conversation_id, heard, close: () => socket.terminate() }
}
