import type { TestGateway } from './gateway.js'
import { type Answer, ask } from './requests.js'
import { keyHeaders, type Person, type World } from './world.js'

/** Functions that call the conversation routes of Acme over real sockets, as a person or with given headers. */
export function conversationCalls(gateway: TestGateway, world: World) {
  const { acme } = world
  const call = async (
    who: Person | Record<string, string>,
    method: string,
    path: string,
    body?: unknown,
    more: Record<string, string> = {},
  ): Promise<Answer> => {
    const headers = typeof who === 'string' ? await world.as(who) : who
    return ask(gateway, path, { method, headers: { ...headers, ...more }, body })
  }
  const made = async (answer: Promise<Answer>): Promise<Answer['body']> => {
    const { status, body, text } = await answer
    if (status >= 300) throw new Error(text)
    return body
  }
  return {
    call,
    /** Opens a conversation, as the lead by default. */
    open: (wish: object = {}, who: Person | Record<string, string> = 'lead') =>
      made(call(who, 'POST', '/v1/conversations', { title: 'Talk', ...wish })),
    get: (who: Person | Record<string, string>, id: string) => call(who, 'GET', `/v1/conversations/${id}`),
    patch: (who: Person | Record<string, string>, id: string, body: object, more?: Record<string, string>) =>
      call(who, 'PATCH', `/v1/conversations/${id}`, body, more),
    say: (who: Person | Record<string, string>, id: string, content: string, more: object = {}) =>
      made(call(who, 'POST', `/v1/conversations/${id}/messages`, { content, ...more })),
    add: (who: Person | Record<string, string>, id: string, user_id: string, role = 'member') =>
      call(who, 'POST', `/v1/conversations/${id}/members`, { user_id, role }),
    remove: (who: Person | Record<string, string>, id: string, user_id: string) =>
      call(who, 'DELETE', `/v1/conversations/${id}/members/${user_id}`),
    setRole: (who: Person | Record<string, string>, id: string, user_id: string, role: string) =>
      call(who, 'PATCH', `/v1/conversations/${id}/members/${user_id}`, { role }),
    /** Creates a key of Acme with these scopes. @returns its headers, without a user */
    async keyWith(...scopes: string[]): Promise<Record<string, string> & { key_id: string }> {
      const { key, record } = await acme.store.write('tenant_key.created', (store) =>
        store.keys.create({ name: 'Integration', scopes }),
      )
      const headers = keyHeaders({ id: acme.id, key })
      return Object.defineProperty(headers, 'key_id', { value: record.id, enumerable: false }) as never
    },
  }
}
