import type { ClientOptions } from 'ws'
import { conversationCalls } from '../../../helpers/conversations.js'
import { openEvents } from '../../../helpers/event-streams.js'
import { type GatewayOptions, startGateway } from '../../../helpers/gateway.js'
import { ask } from '../../../helpers/requests.js'
import { openSocket } from '../../../helpers/sockets.js'
import { buildWorld, type Person } from '../../../helpers/world.js'

type Headers = Record<string, string>
type Who = Person | Headers

/** Budgets so wide that no test reaches them by accident. */
const WIDE = { BUDGET_MESSAGES: '1000000/60', BUDGET_MESSAGES_BURST: '1000000/1', BUDGET_TYPING: '1000000/1' }

/** A gateway with Acme and Globex, and helpers to open streams. */
export async function startListening(options: GatewayOptions = {}) {
  const gateway = await startGateway({ ...options, env: { ...WIDE, ...options.env } })
  const world = await buildWorld(gateway)
  const calls = conversationCalls(gateway, world)
  const headersOf = (who: Who) => (typeof who === 'string' ? world.as(who) : Promise.resolve(who))
  const streamOf = (id: string, query = '') => `/v1/conversations/${id}/stream${query}`
  /** Opens a WebSocket on a conversation with credentials in headers. */
  const connect = async (who: Who, id: string, query = '', more: ClientOptions = {}) => {
    const headers = { ...(await headersOf(who)), ...(more.headers as Headers) }
    return openSocket(gateway, streamOf(id, query), { ...more, headers })
  }
  return {
    gateway,
    world,
    ...calls,
    streamOf,
    connect,
    /** Opens a WebSocket and waits for its `ready` frame. */
    async listen(who: Who, id: string, query = '', more: ClientOptions = {}) {
      const socket = await connect(who, id, query, more)
      await socket.frame('ready')
      return socket
    },
    async events(who: Who, id: string, query = '', more: Headers = {}) {
      return openEvents(gateway, streamOf(id, query), { ...(await headersOf(who)), ...more })
    },
    /** Starts a long poll. */
    async poll(who: Who, id: string, after: number, wait: number) {
      const path = `/v1/conversations/${id}/messages?after=${after}&wait=${wait}&limit=100`
      return ask(gateway, path, { headers: await headersOf(who) })
    },
    async ticket(who: Who, id: string): Promise<string> {
      const answer = await ask(gateway, `/v1/conversations/${id}/tickets`, {
        method: 'POST',
        headers: await headersOf(who),
      })
      if (answer.status !== 201) throw new Error(answer.text)
      return answer.body.ticket
    },
    close: () => gateway.close(),
  }
}
