import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROBLEM_EXAMPLES } from '../../../src/app/pages/problem-examples.js'
import { PROBLEMS, type ProblemCode } from '../../../src/contract/problems/catalogue.js'
import { PAGE_POLICY } from '../../../src/kernel/pages/layout.js'
import { PUBLIC_URL, startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())

/** What Chromium sends for a page. */
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }
/** What curl sends. */
const CURL = { accept: '*/*' }
const CODES = Object.keys(PROBLEMS) as ProblemCode[]

t.test('200 a browser gets the front page, and curl gets its links as JSON', async (t) => {
  const page = await ask(gateway, '/', { headers: BROWSER })
  t.equal(page.status, 200)
  t.match(page.headers.get('content-type'), /^text\/html/)
  const json = await ask(gateway, '/', { headers: CURL })
  t.match(json.headers.get('content-type'), /^application\/json/)
  const { links } = json.body as { links: Record<string, string> }
  for (const [name, path] of Object.entries(links)) {
    t.match(page.text, `href="${path}"`, name)
    t.equal((await ask(gateway, path, { headers: BROWSER })).status, 200, path)
  }
  t.match(
    Object.keys(links),
    ['console', 'docs', 'openapi', 'problems', 'liveness', 'readiness'].filter((name) => name in links),
  )
  // The link would lead to a 404 in a process without the console.
  t.equal('console' in links, gateway.app.hasRoute({ method: 'GET', url: '/console' }))
})

t.test('406 a client that takes neither form learns which there are', async (t) => {
  const { status, body } = await ask(gateway, '/', { headers: { accept: 'image/png' } })
  t.match([status, body], [406, { code: 'not_acceptable', detail: 'Send Accept: application/json or text/html.' }])
})

t.test('200 304 every page has the strict policy, varies with Accept, and is revalidated', async (t) => {
  for (const path of ['/', '/problems', '/problems/not_found']) {
    const { headers } = await ask(gateway, path, { headers: BROWSER })
    t.equal(headers.get('content-security-policy'), PAGE_POLICY, path)
    t.equal(headers.get('x-content-type-options'), 'nosniff')
    t.equal(headers.get('cache-control'), 'no-cache')
    t.match(headers.get('vary'), /\bAccept\b(?!-)/)
    const etag = String(headers.get('etag'))
    const again = await ask(gateway, path, { headers: { ...BROWSER, 'if-none-match': etag } })
    t.match([again.status, again.text], [304, ''])
    // A cache that holds the page must not take it for the JSON.
    t.equal((await ask(gateway, path, { headers: { accept: 'application/json', 'if-none-match': etag } })).status, 200)
  }
})

t.test('200 the index has every problem of the catalogue, with a link to its page', async (t) => {
  const { body } = await ask(gateway, '/problems', { headers: CURL })
  const { problems } = body as { problems: { code: ProblemCode; status: number; title: string; href: string }[] }
  t.same(problems.map(({ code }) => code).sort(), [...CODES].sort())
  const page = (await ask(gateway, '/problems', { headers: BROWSER })).text
  for (const { code, status, title, href } of problems) {
    t.match({ status, title }, { status: PROBLEMS[code].status, title: PROBLEMS[code].title })
    t.match(page, `<a href="${href}"><code>${code}</code></a>`)
  }
})

t.test('200 the page of each problem has an example as the gateway sends it', async (t) => {
  for (const code of CODES) {
    const page = await ask(gateway, `/problems/${code}`)
    t.match(page.headers.get('content-type'), /^text\/html/, 'a client that takes both gets the page')
    t.match(page.text, `HTTP/1.1 ${PROBLEMS[code].status} `)
    t.match(page.text, `&quot;type&quot;: &quot;${PUBLIC_URL}/problems/${code}&quot;`)
    const { body } = await ask(gateway, `/problems/${code}`, { headers: { accept: 'application/json' } })
    t.match(body, { code, example: { code, status: PROBLEMS[code].status, title: PROBLEMS[code].title } })
  }
  // The example of a problem is what a request gets, but for the id of the request.
  const { body: sent } = await ask(gateway, '/nowhere')
  const { body: explained } = await ask(gateway, '/problems/not_found', { headers: { accept: 'application/json' } })
  const { request_id: _id, ...rest } = sent as Record<string, unknown>
  t.match((explained as { example: object }).example, rest)
})

t.test('an example has the members that the code of the gateway sends with its problem', async (t) => {
  const sources = readdirSync('src', { recursive: true })
    .map((name) => join('src', String(name)))
    .filter((name) => name.endsWith('.ts') && !name.includes('app/pages'))
    .map((name) => readFileSync(name, 'utf8'))
  const thrown = sources.flatMap((text) => [
    ...text.matchAll(/new Problem\('(\w+)', \{(?:(?!new Problem).){0,200}?members: \{ (\w+)/gs),
  ])
  t.ok(thrown.length >= 6, `${thrown.length} problems with members`)
  for (const [, code, member] of thrown) {
    // Only /readyz sends the checks.
    if (member === 'checks') continue
    t.ok(PROBLEM_EXAMPLES[code as ProblemCode]?.members?.[String(member)] !== undefined, `${code}: ${member}`)
  }
})

t.test('404 a code that is not in the catalogue has no page', async (t) => {
  for (const code of ['nothing', '__proto__', 'constructor', '%3Cscript%3E']) {
    const { status, text } = await ask(gateway, `/problems/${code}`, { headers: BROWSER })
    t.equal(status, 404, code)
    t.notMatch(text, '<script')
  }
})
