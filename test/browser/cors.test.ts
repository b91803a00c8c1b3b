import type { Frame, Page } from 'playwright-core'
import { ORIGIN_REMEMBERED_MS } from '../../src/app/http/cors.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld, emailOf, keyHeaders, PASSWORD } from '../helpers/world.js'
import { openBrowser, openPage, servePage } from './chromium.js'

/**
 * Reproduces a defect of a conversation app on two domains. Its page logged in and then got 403, because the browser did
 * not send the cookie to the other domain. The gateway uses no cookie: the page sends its bearer token and its tenant.
 */
const HTML = '<!doctype html><title>An app of its own domain</title>'
const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const browser = await openBrowser(t)
const by_port = await servePage(t, HTML)
const by_name = await servePage(t, HTML, 'app.acme.localhost')
const of_globex = await servePage(t, HTML, 'app.globex.localhost')
const unlisted = await servePage(t, HTML, 'evil.localhost')
await listOrigins(acme.id, 'owner', [by_port, by_name])
await listOrigins(globex.id, 'other_owner', [of_globex])
await world.createCustomer('acme', { name: 'Ada ACMEMARK' })

/** The parts of a response that the script of a page can read, or in `refused` the error of the browser. */
interface Seen {
  readonly refused?: string
  readonly status?: number
  readonly type?: string
  readonly headers?: Record<string, string>
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every shape
  readonly body?: any
}

interface Sent {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly credentials?: 'include'
  readonly mode?: 'no-cors'
}

/** Sends a request from a page to the gateway with the fetch of the browser. */
function fetchIn(page: Page | Frame, path: string, sent: Sent = {}): Promise<Seen> {
  return page.evaluate(
    async ({ url, sent }): Promise<Seen> => {
      try {
        const answer = await fetch(url, sent)
        const text = await answer.text()
        const body = text.startsWith('{') ? JSON.parse(text) : text
        return { status: answer.status, type: answer.type, headers: Object.fromEntries(answer.headers), body }
      } catch (error) {
        return { refused: String(error) }
      }
    },
    { url: gateway.url + path, sent },
  )
}

const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
})
const loginIn = (page: Page | Frame) =>
  fetchIn(page, '/v1/auth/login', json({ email: emailOf('agent'), password: PASSWORD }))

async function listOrigins(tenant_id: string, owner: 'owner' | 'other_owner', allowed_origins: string[]) {
  const headers = await world.bearer(owner)
  const answer = await ask(gateway, `/v1/tenants/${tenant_id}`, { method: 'PATCH', headers, body: { allowed_origins } })
  if (answer.status !== 200) throw new Error(answer.text)
}

/** Every request that reached the gateway: method and path. */
const arrived: string[] = []
gateway.app.server.on('request', ({ method, url }) => void arrived.push(`${method} ${url}`))

for (const origin of [by_port, by_name]) {
  t.test(`200 a page at ${new URL(origin).hostname}, another origin, logs in and works for its tenant`, async (t) => {
    const page = await openPage(browser, origin)
    const login = await loginIn(page)
    t.match(login, { status: 200, type: 'cors', body: { token_type: 'Bearer' } })
    const headers = { Authorization: `Bearer ${login.body.access}`, ...keyHeaders(acme) }

    const list = await fetchIn(page, '/v1/customers?limit=1', { headers })
    t.match(list, { status: 200, body: { data: [{ name: 'Ada ACMEMARK' }] } })
    t.match(list.headers, { 'x-request-id': String, ratelimit: /"tenant";r=\d+/, 'ratelimit-policy': String })

    const made = await fetchIn(page, '/v1/customers', {
      ...json({ name: `Grace ${origin}` }),
      headers: { ...headers, 'Content-Type': 'application/json', 'Idempotency-Key': new URL(origin).host },
    })
    t.equal(made.status, 201)
    const path = `/v1/customers/${made.body.id}`
    const { headers: shown } = await fetchIn(page, path, { headers })
    const changed = await fetchIn(page, path, {
      method: 'PATCH',
      headers: { ...headers, 'Content-Type': 'application/json', 'If-Match': String(shown?.etag) },
      body: '{"tags":["vip"]}',
    })
    t.match(changed, { status: 200, body: { tags: ['vip'] } }, 'the page can read the ETag and send If-Match')
    t.equal((await fetchIn(page, path, { method: 'DELETE', headers })).status, 204)

    const refreshed = await fetchIn(page, '/v1/auth/refresh', json({ refresh: login.body.refresh }))
    t.equal(refreshed.status, 200, 'the refresh needs no cookie')
    t.same(await page.context().cookies(), [], 'the cookies of the page')
  })
}

t.test('403 and 429 a page can read the missing scope and Retry-After', async (t) => {
  const page = await openPage(browser, by_name)
  const refused = await fetchIn(page, '/v1/customers', { headers: keyHeaders(acme) })
  t.match(refused, {
    status: 403,
    headers: {
      'content-type': 'application/problem+json; charset=utf-8',
      'www-authenticate': 'Bearer realm="gateway", error="insufficient_scope", scope="conversations:view"',
      'x-request-id': refused.body.request_id,
    },
    body: { code: 'insufficient_scope', missing: ['conversations:view'], granted_by_roles: ['Owner', 'Admin'] },
  })
  t.match(await fetchIn(page, '/v1/customers', {}), {
    status: 401,
    headers: { 'www-authenticate': 'TenantKey realm="gateway"' },
    body: { code: 'tenant_credentials_required' },
  })

  const { key } = await acme.store.write('tenant_key.created', (store) =>
    store.keys.create({ name: 'Narrow', scopes: ['conversations:view'], requests_per_minute: 1 }),
  )
  const headers = keyHeaders({ id: acme.id, key })
  t.equal((await fetchIn(page, '/v1/customers', { headers })).status, 200)
  const limited = await fetchIn(page, '/v1/customers', { headers })
  t.match(limited, {
    status: 429,
    headers: { 'retry-after': /^\d+$/, ratelimit: /"key";r=0;t=\d+/, 'ratelimit-policy': /"key";q=1;w=60/ },
    body: { code: 'rate_limited' },
  })
})

// Attack: a page on an origin that no tenant lists sends requests with stolen credentials.
t.test('the browser sends only preflights for a page whose origin no tenant lists', async (t) => {
  const page = await openPage(browser, unlisted)
  const before = arrived.length
  t.match(await loginIn(page), { refused: /TypeError/ })
  const headers = keyHeaders({ id: acme.id, key: acme.integration_key })
  t.match(await fetchIn(page, '/v1/customers', { headers }), { refused: /TypeError/ })
  t.match(await fetchIn(page, '/v1/customers', { ...json({ name: 'Planted' }), headers }), { refused: /TypeError/ })
  t.same(
    arrived.slice(before),
    ['OPTIONS /v1/auth/login', 'OPTIONS /v1/customers', 'OPTIONS /v1/customers'],
    'only preflights',
  )

  // A request that needs no preflight arrives, but without credentials, and the page cannot read the response.
  t.match(await fetchIn(page, '/v1/customers'), { refused: /TypeError/ })
  t.match(await fetchIn(page, '/v1/customers', { mode: 'no-cors' }), { status: 0, type: 'opaque', body: '' })
})

// Attack: a page in a sandbox or from a file sends `Origin: null`, for a server that reflects the header.
t.test('the browser refuses requests of a page with the origin null', async (t) => {
  const sandbox = await servePage(t, '<iframe sandbox="allow-scripts" srcdoc="<title>Nowhere</title>"></iframe>')
  const frame = (await openPage(browser, sandbox)).frames()[1] as Frame
  t.equal(await frame.evaluate('origin'), 'null')
  const before = arrived.length
  t.match(await loginIn(frame), { refused: /TypeError/ })
  t.same(arrived.slice(before), ['OPTIONS /v1/auth/login'])
})

// Attack: the page of one tenant sends requests to another, with a key and a member of the other.
t.test('403 for a page of another tenant, although its preflight succeeds', async (t) => {
  const page = await openPage(browser, of_globex)
  const { body } = await loginIn(page)
  const headers = { Authorization: `Bearer ${body.access}`, ...keyHeaders(acme) }
  const answer = await fetchIn(page, '/v1/customers', { headers })
  t.match(answer, { status: 403, body: { code: 'origin_not_allowed' } })
  t.notMatch(JSON.stringify(answer), 'ACMEMARK')
  const made = await fetchIn(page, '/v1/customers', {
    ...json({ name: 'Planted' }),
    headers: { ...headers, 'Content-Type': 'application/json' },
  })
  t.match(made, { status: 403, body: { code: 'origin_not_allowed' } })
  t.same(await gateway.sql("select id from customers where name = 'Planted'"), [])
})

// Attack: a page makes the browser send its cookies for the gateway, to read the data of the logged-in user.
t.test('the gateway ignores and sets no cookie, and the browser refuses a request with credentials', async (t) => {
  const page = await openPage(browser, by_name)
  await page.context().addCookies([{ name: 'session', value: 'planted', url: gateway.url }])
  const { body } = await loginIn(page)
  const headers = { Authorization: `Bearer ${body.access}`, ...keyHeaders(acme) }
  t.match(await fetchIn(page, '/v1/customers', { headers, credentials: 'include' }), { refused: /TypeError/ })
  t.equal((await fetchIn(page, '/v1/customers', { headers })).status, 200)
  const without = await fetchIn(page, '/v1/me', { credentials: 'include' })
  t.match(without, { refused: /TypeError/ }, 'a request with only a cookie')
  t.equal((await page.context().cookies()).length, 1, 'only the cookie of the test')
})

t.test('the browser caches a preflight, and a changed list of origins holds for the next request', async (t) => {
  const page = await openPage(browser, by_name)
  const { body } = await loginIn(page)
  const headers = { Authorization: `Bearer ${body.access}`, ...keyHeaders(acme) }
  const path = `/v1/customers/${ids.agent}`
  for (let time = 0; time < 3; time += 1) t.equal((await fetchIn(page, path, { headers })).status, 404)
  t.equal(arrived.filter((line) => line === `OPTIONS ${path}`).length, 1, 'one preflight for three requests')

  await listOrigins(acme.id, 'owner', [by_port])
  t.match(await fetchIn(page, path, { headers }), { status: 403, body: { code: 'origin_not_allowed' } })
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.match(await fetchIn(page, path, { headers }), { refused: /TypeError/ }, 'no tenant lists the origin')
  await listOrigins(acme.id, 'owner', [by_port, by_name])
  gateway.clock.advance(ORIGIN_REMEMBERED_MS)
  t.equal((await fetchIn(page, path, { headers })).status, 404, 'listed again')
})

t.test('204 a preflight names one origin, has no wildcard and varies by Origin', async (t) => {
  const answer = await ask(gateway, '/v1/customers', {
    method: 'OPTIONS',
    headers: { origin: by_name, 'access-control-request-method': 'GET', 'access-control-request-headers': 'x-evil' },
  })
  t.equal(answer.status, 204)
  const { headers } = answer
  t.equal(headers.get('access-control-allow-origin'), by_name)
  t.equal(headers.get('vary'), 'Origin')
  t.notOk(headers.has('access-control-allow-credentials'))
  t.notOk(headers.has('set-cookie'))
  t.notMatch(headers.get('access-control-allow-headers'), /evil|\*/)
  t.notMatch(headers.get('access-control-expose-headers') ?? '', /\*/)
})
