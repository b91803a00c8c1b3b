import { readFileSync } from 'node:fs'
import { withoutPublicUrl } from '../../src/app/openapi/openapi-document.js'
import { open } from '../../src/kernel/request/access.js'
import { PUBLIC_URL, startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { contractViolations, type Document, readContract } from './contract.js'
import { guardedRoutes } from './route-table.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const routes = guardedRoutes(gateway.routes)
const document = readContract((await ask(gateway, '/openapi.json')).body)

t.test('the committed openapi.yaml is generated from the current routes: run npm run openapi', async (t) => {
  const generated = withoutPublicUrl((await ask(gateway, '/openapi.yaml')).text, PUBLIC_URL)
  t.ok(generated.length > 20_000)
  // t.equal would print thousands of lines. The first line that differs is enough.
  const committed = readFileSync('openapi.yaml', 'utf8').split('\n')
  const first = generated.split('\n').findIndex((line, number) => line !== committed[number])
  t.equal(first, -1, `line ${first + 1} is "${generated.split('\n')[first]}", committed "${committed[first]}"`)
  t.equal(committed.length, generated.split('\n').length)
})

// A program that imports the contract takes its host from it, and the page at /docs must send its requests to its own origin.
t.test('GET /openapi.yaml returns the committed file, with PUBLIC_URL as the second server', async (t) => {
  const answer = await ask(gateway, '/openapi.yaml')
  t.equal(answer.status, 200)
  t.same((document as unknown as { servers: object[] }).servers, [{ url: '/' }, { url: PUBLIC_URL }])
  t.not(answer.text, readFileSync('openapi.yaml', 'utf8'))
  t.ok(withoutPublicUrl(answer.text, PUBLIC_URL) === readFileSync('openapi.yaml', 'utf8'))
})

// A client that is generated from the contract must get the security and the statuses that the routes have.
t.test('security, scopes, statuses and problems of every operation follow from its access', async (t) => {
  t.ok(routes.length >= 30, `${routes.length} routes`)
  t.same(contractViolations(routes, document), [])
})

t.test('every operation of the document is a route', async (t) => {
  const known = new Set(routes.map((route) => `${route.method} ${route.url.replaceAll(/:([a-z_]+)/g, '{$1}')}`))
  const shown = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  t.ok(shown.length > 0)
  t.same(
    shown.filter((each) => !known.has(each)),
    [],
  )
})

t.test('the guard finds a duplicate operationId, a missing success status, and missing routes', async (t) => {
  const loose = await startGateway({
    on: gateway.test_database,
    more: async (app) => {
      app.get('/guard/twin', { config: open(), schema: { operationId: 'getLiveness' } }, async () => ({}))
    },
  })
  const violations = contractViolations(guardedRoutes(loose.routes), loose.app.swagger() as unknown as Document)
  t.same(violations, [
    'GET /guard/twin: shares its operationId with GET /livez',
    'GET /guard/twin: declares no success',
  ])
  t.not((await ask(loose, '/openapi.yaml')).text, (await ask(gateway, '/openapi.yaml')).text)
  t.match(contractViolations(guardedRoutes(loose.routes), document), ['GET /guard/twin: is not in the document'])
  const [first] = routes
  if (first === undefined) throw new Error('no routes')
  const stricter = { ...first, access: { kind: 'tenant' as const, scopes: ['customers:edit' as const] } }
  t.match(contractViolations([stricter], document).join('\n'), /security \[\].*x-required-scopes.*not declare 401/s)
  await loose.close()
})

// The gateway filters a response by the schema of its status. With an undeclared status it would send every member of
// the object, including secrets.
t.test('a response with an undeclared status makes its test file fail', async (t) => {
  const loose = await startGateway({
    on: gateway.test_database,
    more: async (app) => {
      const schema = { operationId: 'undeclared', response: { 200: { type: 'object' } } }
      app.get('/guard/undeclared', { config: open(), schema }, async (_request, reply) =>
        reply.code(202 as 200).send({ password_hash: 'unfiltered' }),
      )
    },
  })
  t.equal((await ask(loose, '/guard/undeclared')).status, 202)
  t.same(loose.undeclared, ['GET /guard/undeclared answered 202'])
  await t.rejects(loose.close(), { message: /undeclared statuses: GET \/guard\/undeclared answered 202/ })
})
