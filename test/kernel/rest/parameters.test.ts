import { expectProblem } from '../../app/pipeline/expect-problem.js'
import { examplesOf } from '../../guards/examples.js'
import { guardedRoutes, parametersOf, pathOf } from '../../guards/route-table.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const routes = guardedRoutes(gateway.routes)
const examples = examplesOf(gateway, world)

interface QuerySchema {
  readonly properties?: Readonly<Record<string, { readonly format?: string }>>
}

// Attack: the client sends NUL in a path. PostgreSQL cannot store it in any text, so a statement that compares it fails.
t.test('403 404 NUL in any parameter of any path gets the answer of an unknown id', async (t) => {
  let refused = 0
  for (const route of routes) {
    for (const name of parametersOf(route.url)) {
      const example = await examples[route.operation_id]?.()
      for (const text of ['\u0000', `${example?.params?.[name]}\u0000`]) {
        const answer = await ask(gateway, pathOf(route.url, { ...example?.params, [name]: text }), {
          method: route.method,
          headers: example?.headers ?? {},
          body: example?.body,
        })
        const [status, code] =
          name === 'tenant_id' && route.url.startsWith('/v1/tenants/')
            ? [403, 'tenant_access_denied']
            : [404, 'not_found']
        expectProblem(t, answer, status as number, code as 'not_found', `${route.name} ${name}`)
        refused += 1
      }
    }
  }
  t.ok(refused > 100, `${refused} refusals`)
})

// Attack: the client sends a time from which the gateway computes another one, which PostgreSQL cannot read.
t.test('200 400 the first and the last times of the calendar in any query', async (t) => {
  let asked = 0
  for (const route of routes.filter(({ method }) => method === 'GET')) {
    const { properties = {} } = (route.schema.querystring ?? {}) as QuerySchema
    const names = Object.keys(properties).filter((name) => properties[name]?.format === 'date-time')
    if (names.length === 0) continue
    const example = await examples[route.operation_id]?.()
    for (const name of names) {
      for (const time of ['0001-01-01T00:00:00Z', '0001-01-01T14:00:00%2B14:00', '9999-12-31T23:59:59.999Z']) {
        const path = `${pathOf(route.url, example?.params ?? {})}?${name}=${time}`
        const answer = await ask(gateway, path, { headers: example?.headers ?? {} })
        t.ok([200, 400].includes(answer.status), `${path} ${answer.status}`)
        asked += 1
      }
    }
  }
  t.ok(asked >= 24, `${asked} requests`)
})

// Attack: the client sends bytes that are no UTF-8. The parser takes the percent signs for text, so a search finds nothing.
t.test('400 a query that is not percent-encoded UTF-8 names the parameter', async (t) => {
  const headers = await world.as('owner')
  for (const [query, pointer] of [
    ['search=%ED%A0%80', '/search'],
    ['search=100%', '/search'],
    ['limit=1&search=a%zz', '/search'],
    ['%C3%28=1', ''],
  ] as const) {
    const answer = await ask(gateway, `/v1/customers?${query}`, { headers })
    expectProblem(t, answer, 400, 'validation_failed', query)
    t.match(answer.body.errors, [{ pointer, message: 'must be percent-encoded UTF-8' }], query)
  }
  const good = await ask(gateway, '/v1/customers?search=100%25%20%C3%A4&tag=a%2Bb', { headers })
  t.equal(good.status, 200)
})
