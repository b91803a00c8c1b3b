import { hash } from 'node:crypto'
import { parseForm } from '../../../src/kernel/pages/form-body.js'
import { html } from '../../../src/kernel/pages/html.js'
import { PAGE_POLICY, renderPage } from '../../../src/kernel/pages/layout.js'
import { page, servePages } from '../../../src/kernel/pages/pages.js'
import { checkSameOrigin } from '../../../src/kernel/pages/same-origin.js'
import type { Problem } from '../../../src/kernel/problems/problems.js'
import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'

const problemOf = (work: () => unknown): Problem => {
  try {
    return work() as Problem
  } catch (error) {
    return error as Problem
  }
}

// Attack: a tenant, a user or a role has markup as its name, and a script of it runs on the page of another person.
t.test('a value in a page is text, whatever it contains', async (t) => {
  const value = `<script>alert(1)</script>"'&`
  const escaped = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;'
  t.equal(String(html`<p title="${value}">${value}</p>`), `<p title="${escaped}">${escaped}</p>`)
  t.equal(String(html`${[value, html`<b>${value}</b>`, 3]}`), `${escaped}<b>${escaped}</b>3`)
  t.equal(String(html`a${undefined}b${false}c`), 'abc')
  const lookalike = { toString: () => '<script>' } as unknown as string
  t.equal(String(html`${String(lookalike)}`), '&lt;script&gt;', 'only markup of the function itself is markup')
})

// Attack: a style element of a name, or a form that sends the password elsewhere.
t.test('the policy of a page allows its stylesheet and forms to its own origin, and nothing else', async (t) => {
  const text = renderPage({ title: 'A & B', body: html`<p>text</p>` })
  const style = /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ''
  t.ok(style.length > 500)
  t.equal(
    PAGE_POLICY,
    `default-src 'none'; style-src 'sha256-${hash('sha256', style, 'base64')}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  )
  t.match(text, /^<!doctype html>\n<html lang="en">/)
  t.match(text, '<title>A &amp; B - Gatehouse</title>')
  t.match(text, '<meta name="viewport" content="width=device-width, initial-scale=1">')
  t.match(style, /color-scheme: light dark[\s\S]*prefers-color-scheme: dark/)
  t.notMatch(text, /<script|javascript:|\bon[a-z]+=|url\(|@import/)
})

t.test('400 a form with a field twice, or with text that is not UTF-8, is refused', async (t) => {
  t.same(parseForm('name=Ada+L%C3%B6we&password=a%26b%3D+%2B'), { name: 'Ada Löwe', password: 'a&b= +' })
  t.same(parseForm(''), {})
  t.same(parseForm('a&b='), { a: '', b: '' })
  for (const text of ['a=%', 'a=%zz', 'a=%ff', 'a=%C0%AF', 'a=%ED%A0%80', 'a=\u00e9', 'a=1\nb=2', 'a=\u0000']) {
    t.match(
      problemOf(() => parseForm(text)),
      { code: 'malformed_request' },
      JSON.stringify(text),
    )
  }
  for (const [text, pointer] of [
    ['password=a&password=b', '/password'],
    ['a/b=1&a%2Fb=1', '/a~1b'],
    ['a=%00', '/a'],
    ['%00=a', ''],
    [Array.from({ length: 21 }, (_, number) => `f${number}=`).join('&'), ''],
  ] as const) {
    t.match(
      problemOf(() => parseForm(text)),
      { code: 'validation_failed', members: { errors: [{ pointer }] } },
      text,
    )
  }
  const hostile = parseForm('__proto__=x&constructor=y')
  t.same(Object.keys(hostile), ['__proto__', 'constructor'])
  t.equal(({} as { x?: unknown }).x, undefined)
})

// Attack: a page of another site sends a form to the gateway from the browser of a person who has the link.
t.test('403 a form of another site is refused by Sec-Fetch-Site, or without it by Origin', async (t) => {
  const HTTPS = 'https://gateway.example'
  const check = (headers: Record<string, string>, public_url = HTTPS) =>
    problemOf(() => checkSameOrigin(headers, public_url))?.code ?? 'passes'
  for (const site of ['cross-site', 'same-site', 'SAME-ORIGIN', 'same-origin, cross-site', '']) {
    t.equal(check({ 'sec-fetch-site': site, origin: HTTPS }), 'cross_site_request', `Sec-Fetch-Site: ${site}`)
  }
  t.equal(check({ 'sec-fetch-site': 'same-origin', origin: 'null' }), 'passes', 'the form of a page without a referrer')
  t.equal(check({ 'sec-fetch-site': 'none' }), 'passes', 'the user repeats the form')
  for (const origin of [
    'https://evil.example',
    'http://gateway.example',
    'https://gateway.example.evil.example',
    'null',
  ]) {
    t.equal(check({ origin }), 'cross_site_request', `Origin: ${origin}`)
  }
  t.equal(check({ origin: HTTPS }), 'passes')
  t.equal(check({}), 'passes', 'a program')
  const HTTP = 'http://192.168.1.5:8000'
  t.equal(check({ origin: 'null' }, HTTP), 'passes', 'over plain HTTP, no browser says more')
  t.equal(check({ origin: 'https://evil.example' }, HTTP), 'cross_site_request')
  t.equal(check({ 'sec-fetch-site': 'cross-site', origin: 'null' }, HTTP), 'cross_site_request')
})

t.test('a page that does not say how it shows refusals stops the start', async (t) => {
  const on = (await startedGateway()).test_database
  const bare = startGateway({
    on,
    more: async (app) => {
      await app.register(async (scope) => {
        servePages(scope, 'http://gateway.test')
        scope.get('/guard/bare', { config: open() }, async () => '')
      })
    },
  })
  await t.rejects(bare, { message: /GET \/guard\/bare: a page declares its access with page\(open\(\)\)/ })
})

// A failure while the page of a refusal is made must not hide the refusal.
t.test('a refusal whose own page cannot be made gets the general page, with its status and its code', async (t) => {
  const gateway = await startGateway({
    on: (await startedGateway()).test_database,
    more: async (app) => {
      await app.register(async (scope) => {
        servePages(scope, 'http://gateway.test')
        const config = page(open(), async () => {
          throw new Error('planted')
        })
        scope.get('/guard/broken', { config }, async () => {
          throw new Error('inner words')
        })
      })
    },
  })
  const response = await fetch(`${gateway.url}/guard/broken`, { headers: { accept: 'text/html' } })
  const text = await response.text()
  t.equal(response.status, 500)
  t.match(text, '<h1>Something went wrong</h1>')
  t.match(text, `<code>${response.headers.get('x-request-id')}</code>`)
  t.notMatch(text, /planted|inner words/)
  t.equal(response.headers.get('content-security-policy'), PAGE_POLICY)
  await gateway.close()
})

let gateway: Awaited<ReturnType<typeof startGateway>> | undefined
async function startedGateway() {
  if (gateway === undefined) {
    const started = await startGateway()
    gateway = started
    t.teardown(() => started.close())
  }
  return gateway
}
