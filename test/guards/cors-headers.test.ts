import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { READ_HEADERS, SENT_HEADERS } from '../../src/contract/headers.js'
import { t } from '../helpers/t.js'

/** Headers that the gateway reads although no page can set them, or that the browser sets itself. */
const NOT_OF_PAGES = new Set([
  ...['accept-encoding', 'connection', 'content-encoding', 'content-length', 'expect', 'host', 'origin'],
  ...['sec-fetch-site', 'sec-websocket-key', 'sec-websocket-protocol', 'sec-websocket-version', 'transfer-encoding'],
  ...['upgrade', 'user-agent', 'via', 'x-forwarded-for'],
])
/** Headers for the browser, for caches and for proxies. Browsers let every page read those of the safelist. */
const NOT_FOR_PAGES = new Set([
  ...['cache-control', 'content-length', 'content-type', 'content-security-policy', 'referrer-policy', 'vary'],
  ...['strict-transport-security', 'x-accel-buffering', 'x-content-type-options', 'connection', 'upgrade'],
  ...['content-encoding', 'sec-websocket-version', 'cross-origin-opener-policy'],
])
const READ = /\bheaders(?:\.([a-z_]+)\b|\['([a-z-]+)'\])/g
const SENT = /\.(?:header|setHeader)\('([A-Za-z-]+)'|headers(?:: |\()\{[^}]*?'?([a-z-]+)'?: /g

/** Upstreams declare the headers of their own paths, and the console is itself a page. */
const ELSEWHERE = /^(features\/upstreams|console)\//

const sources = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !ELSEWHERE.test(name))
  .map((name) => readFileSync(join('src', name), 'utf8'))
  .join('\n')
const namesIn = (pattern: RegExp) =>
  [...new Set([...sources.matchAll(pattern)].map(([, first, second]) => String(first ?? second).toLowerCase()))].sort()
const lower = (names: readonly string[]) => new Set(names.map((name) => name.toLowerCase()))

t.test('a page may send every request header that the gateway reads', async (t) => {
  const allowed = lower(READ_HEADERS)
  // Names of files, and the header of a problem.
  const names = namesIn(READ).filter((name) => !/^(js|test|retry-after)$/.test(name))
  t.ok(names.includes('last-event-id'), 'the guard finds reads')
  t.same(
    names.filter((name) => !allowed.has(name) && !NOT_OF_PAGES.has(name)),
    [],
  )
})

t.test('a page may read every response header that the gateway sends', async (t) => {
  const exposed = lower(SENT_HEADERS)
  const names = namesIn(SENT)
  t.ok(names.includes('content-disposition'), 'the guard finds headers')
  t.same(
    names.filter((name) => !exposed.has(name) && !NOT_FOR_PAGES.has(name)),
    [],
  )
})
