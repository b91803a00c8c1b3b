import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { BrowserContext, Page } from 'playwright-core'
import { startListening } from '../features/conversations/stream/world.js'
import { blocksRunAs } from '../helpers/docs.js'
import { ask } from '../helpers/requests.js'
import type { Frame } from '../helpers/sockets.js'
import { t } from '../helpers/t.js'
import { until } from '../helpers/until.js'
import { openBrowser, servePage } from './chromium.js'

/** The source of the browser client in docs/conversations.md. */
const [{ text: CLIENT = '' } = {}] = blocksRunAs('browser')
const WAIT_MS_MAX = 20_000

const { world, gateway, open, add, remove, say, listen, ticket, streamOf, close } = await startListening()
t.teardown(close)
const { acme, ids } = world
const browser = await openBrowser(t)
const HTML = '<!doctype html><title>A chat on its own domain</title>'
const listed = await servePage(t, HTML, 'chat.acme.localhost')
const unlisted = await servePage(t, HTML, 'evil.localhost')
const settings = await ask(gateway, `/v1/tenants/${acme.id}`, {
  method: 'PATCH',
  headers: await world.bearer('owner'),
  body: { allowed_origins: [listed] },
})
if (settings.status !== 200) throw new Error(settings.text)

/** The state that the page records. */
interface Chat {
  frames: Frame[]
  ended?: { code?: number | string; status?: number }
}

t.test('the browser client has at most 20 lines', async (t) => {
  t.match(CLIENT, /^async function listen\(url, headers, on, changed_after = 0\) \{$/m)
  t.ok(CLIENT.split('\n').length <= 20, `${CLIENT.split('\n').length} lines`)
})

t.test('a page connects with a ticket, gets messages and typing, and 4403 when its member is removed', async (t) => {
  const { id } = await open({ visibility: 'members' })
  await add('lead', id, ids.agent)
  const page = await openChat(id)
  await framesOf(page, 'ready', 1)

  // Another program sends the message, and the page only receives.
  const content = 'From curl: <b>5 > 4</b> & "so on" 🙂'
  await curl('lead', id, content)
  const [message] = await framesOf(page, 'chat_message', 1)
  t.match(message?.payload, { seq: 1, content, author: { kind: 'user', id: ids.lead } })

  const other = await listen('lead', id)
  other.send({ type: 'typing', is_typing: true })
  const [typing] = await framesOf(page, 'chat_typing', 1)
  t.same(typing?.payload, { user_id: ids.lead, is_typing: true })

  t.equal((await remove('lead', id, ids.agent)).status, 204)
  t.match(await endOf(page), { code: 4403 })
  await curl('lead', id, 'Not for who was put out')
  t.equal((await chatOf(page)).frames.filter(({ type }) => type === 'chat_message').length, 1)
})

// Some proxies block WebSockets. Without a fallback, a chat there would look like one without new messages.
for (const how of ['without WebSocket', 'with sockets that always break'] as const) {
  t.test(`${how} the page falls back to polling and gets every message once`, async (t) => {
    const { id } = await open()
    const page = await openChat(id, async (context) => {
      await context.addInitScript((how) => {
        if (how === 'without WebSocket') Reflect.deleteProperty(globalThis, 'WebSocket')
        else {
          Object.assign(globalThis, {
            WebSocket: class {
              onclose: ((event: object) => void) | undefined
              constructor() {
                setTimeout(() => this.onclose?.({ code: 1006, reason: '' }), 1)
              }
            },
          })
        }
      }, how)
    })
    await curl('lead', id, 'the first, by curl')
    for (let seq = 2; seq <= 40; seq += 1) await say(seq % 2 === 0 ? 'lead' : 'agent', id, `number ${seq}`)
    const messages = await framesOf(page, 'chat_message', 40)
    t.same(
      messages.map(({ payload }) => payload.seq),
      Array.from({ length: 40 }, (_, index) => index + 1),
      'each once, in order',
    )
    t.match(messages[0]?.payload, { content: 'the first, by curl' })
    t.equal((await chatOf(page)).frames.filter(({ type }) => type === 'ready').length, 0, 'no socket was open')
  })
}

t.test('a page whose socket breaks reconnects and gets every message once', async (t) => {
  const { id } = await open()
  const page = await openChat(id)
  await framesOf(page, 'ready', 1)
  for (let round = 1; round <= 3; round += 1) {
    await say('lead', id, `before the cut ${round}`)
    for (const client of gateway.app.websocketServer.clients) client.terminate()
    await say('lead', id, `after the cut ${round}`)
  }
  const messages = await framesOf(page, 'chat_message', 6)
  t.same(
    messages.map(({ payload }) => payload.seq),
    [1, 2, 3, 4, 5, 6],
  )
})

// Attack: a foreign page opens a stream with a stolen ticket.
t.test('a page on an unlisted origin gets no ticket, and 4403 for a stream with a stolen one', async (t) => {
  const { id } = await open()
  const token = await ticket('agent', id)
  const page = await openChat(id, undefined, unlisted)
  t.match(await endOfPage(page, token, id), { code: 4403, reason: 'origin_not_allowed' })
  t.same((await chatOf(page)).frames, [])
})

/** Opens a page that receives a conversation as the agent, with the documented client. */
async function openChat(
  id: string,
  prepare: (context: BrowserContext) => Promise<unknown> = async () => undefined,
  origin = listed,
): Promise<Page> {
  const context = await browser.newContext()
  context.setDefaultTimeout(WAIT_MS_MAX)
  await prepare(context)
  const page = await context.newPage()
  t.teardown(() => context.close())
  await page.goto(origin)
  await page.addScriptTag({ content: `globalThis.listen = ${CLIENT}` })
  await page.evaluate(
    ({ url, headers }) => {
      const chat: Chat = { frames: [] }
      const { listen } = globalThis as unknown as { listen: (...parts: unknown[]) => Promise<Chat['ended']> }
      Object.assign(globalThis, { chat })
      listen(url, headers, (frame: Frame) => chat.frames.push(frame)).then((ended) => {
        chat.ended = ended ?? {}
      })
    },
    { url: `${gateway.url}/v1/conversations/${id}`, headers: await world.as('agent') },
  )
  return page
}

function chatOf(page: Page): Promise<Chat> {
  return page.evaluate(() => (globalThis as unknown as { chat: Chat }).chat)
}

/** Waits for `count` frames of a type and returns all of them. */
async function framesOf(page: Page, type: string, count: number): Promise<Frame[]> {
  const filter = { type, count }
  await page.waitForFunction(({ type, count }) => {
    const { chat } = globalThis as unknown as { chat: Chat }
    return chat.frames.filter((frame) => frame.type === type).length >= count
  }, filter)
  return (await chatOf(page)).frames.filter((frame) => frame.type === type)
}

function endOf(page: Page) {
  return until('the listen function of the page ends', async () => (await chatOf(page)).ended)
}

/** Opens a socket with a ticket in this page. @returns how it was closed */
function endOfPage(page: Page, token: string, id: string) {
  return page.evaluate(
    (url) =>
      new Promise<{ code: number; reason: string }>((resolve) => {
        const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string) => { onclose: unknown } }
        new WebSocket(url).onclose = ({ code, reason }: { code: number; reason: string }) => resolve({ code, reason })
      }),
    `${gateway.url.replace('http', 'ws')}${streamOf(id, `?token=${token}`)}`,
  )
}

async function curl(who: 'lead', id: string, content: string): Promise<void> {
  const headers = Object.entries(await world.as(who)).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const url = `${gateway.url}/v1/conversations/${id}/messages`
  const data = ['-H', 'content-type: application/json', '-d', JSON.stringify({ content })]
  await promisify(execFile)('curl', ['-sS', '--fail-with-body', url, ...headers, ...data])
}
