import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { guardedRoutes } from './route-table.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

/** The patterns of a schema that have no words for their refusal. */
function wordless(schema: unknown, path = ''): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  const { pattern, 'x-message': message, 'x-documented-as': number } = schema as Record<string, unknown>
  const own = typeof pattern === 'string' && message === undefined && number === undefined ? [`${path} ${pattern}`] : []
  return [...own, ...Object.entries(schema).flatMap(([name, each]) => wordless(each, `${path}/${name}`))]
}

t.test('400 each pattern of a body or a query is explained in words', async (t) => {
  const routes = guardedRoutes(gateway.routes)
  const found = routes.flatMap(({ operation_id, schema }) =>
    wordless({ body: schema.body, query: schema.querystring }, operation_id),
  )
  t.same(found, [])
  t.equal(wordless({ properties: { name: { pattern: '^a$' } } }).length, 1, 'the guard finds one')
})

t.test('400 a refusal says what a field takes, without a pattern and without contradictions', async (t) => {
  const [headers, operator] = [await world.as('owner'), await world.bearer('operator')]
  const tenant = `/v1/tenants/${world.acme.id}`
  const line = 'must be one line of text, with more than white space and without control characters'
  for (const [path, body, errors] of [
    ['/v1/platform/tenants', { name: 'A' }, [['', 'must have exactly one of owner_email and owner_id']]],
    [
      '/v1/platform/tenants',
      { name: 'A', owner_email: 'a@b.example', owner_id: world.ids.owner },
      [['', 'must have exactly one of owner_email and owner_id']],
    ],
    ['/v1/customers', { name: '\u0007' }, [['/name', line]]],
    ['/v1/customers', { name: 'A', external_id: ' ' }, [['/external_id', line]]],
    ['/v1/customers', { name: 'A', email: 7 }, [['/email', 'must be string or null']]],
    [`${tenant}/access/explain`, { method: 'GET', path: 'x' }, [['/path', 'must begin with /']]],
  ] as const) {
    const answer = await ask(gateway, path, { headers: path.includes('platform') ? operator : headers, body })
    t.equal(answer.status, 400)
    t.strictSame(
      answer.body.errors,
      errors.map(([pointer, message]) => ({ pointer, message })),
      `${path} ${JSON.stringify(body)}`,
    )
  }
  const limit = await ask(gateway, '/v1/customers?limit=500', { headers })
  t.strictSame(limit.body.errors, [{ pointer: '/limit', message: 'must be an integer from 1 to 100' }])
})
