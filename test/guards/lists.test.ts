import { startGateway } from '../helpers/gateway.js'
import { t } from '../helpers/t.js'
import { type GuardedRoute, guardedRoutes } from './route-table.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const routes = guardedRoutes(gateway.routes)

/** Sums over a span of time. They are not lists of rows, and the span bounds them. */
const SUMS = ['getUsage', 'getBusiestTenants', 'getGrowth']

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, { readonly type?: string }>>
}

function listsWithoutPages(all: readonly GuardedRoute[]): string[] {
  return all
    .filter(({ method, operation_id }) => method === 'GET' && !SUMS.includes(operation_id))
    .filter(({ schema, operation_id }) => {
      const { 200: success } = (schema.response ?? {}) as { readonly 200?: ObjectSchema }
      return operation_id.startsWith('list') || success?.properties?.data?.type === 'array'
    })
    .filter(({ schema }) => {
      const { properties: parameters = {} } = (schema.querystring ?? {}) as ObjectSchema
      const { 200: success } = schema.response as { readonly 200?: ObjectSchema }
      const members = success?.properties ?? {}
      return !('limit' in parameters && 'cursor' in parameters && 'next_cursor' in members)
    })
    .map(({ name }) => name)
}

t.test('every list takes limit and cursor, and returns next_cursor', (t) => {
  t.same(listsWithoutPages(routes), [])
  const schema = { response: { 200: { type: 'object', properties: { data: { type: 'array' } } } } }
  const planted = { name: 'GET /planted', method: 'GET', operation_id: 'getPlanted', schema } as unknown as GuardedRoute
  t.same(listsWithoutPages([planted]), ['GET /planted'], 'the guard finds a list without pages')
  t.end()
})
