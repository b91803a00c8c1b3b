import { KEY_ID } from '../../src/kernel/credentials/tenant-key.js'
import { UUID_PATTERN } from '../../src/kernel/ids/uuid.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { examplesOf } from './examples.js'
import { type GuardedRoute, guardedRoutes, pathOf } from './route-table.js'

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const routes = guardedRoutes(gateway.routes)
const examples = examplesOf(gateway, world)

/** Other spellings of an id, which PostgreSQL reads as the same id, except for the last one. */
const SPELLINGS: Readonly<Record<string, (id: string) => string>> = {
  'in capitals': (id) => id.toUpperCase(),
  'with one capital': (id) => id.replace(/[a-f]/, (letter) => letter.toUpperCase()),
  'in braces': (id) => `{${id}}`,
  'without hyphens': (id) => id.replaceAll('-', ''),
  'with spaces': (id) => ` ${id} `,
  'with a line break': (id) => `${id}\n`,
  'as a URN': (id) => `urn:uuid:${id}`,
}

/** Members that are called ids and hold text of the client or of the audit, which the gateway compares as text. */
const TEXTS = ['external_id', 'actor_id', 'target_id', 'request_id']

interface Schema {
  readonly type?: string
  readonly format?: string
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** The members of a request schema that name a row, with the path to each. */
function idsIn(
  schema: Schema | undefined,
  path: readonly string[] = [],
): { path: readonly string[]; schema: Schema }[] {
  if (schema === undefined) return []
  const name = path.at(-1) ?? ''
  const own = /(^|_)ids?$|^reply_to$/.test(name) && schema.type === 'string' && !TEXTS.includes(name)
  return [
    ...(own || schema.format === 'uuid' ? [{ path, schema }] : []),
    ...Object.entries(schema.properties ?? {}).flatMap(([member, each]) => idsIn(each, [...path, member])),
    ...[schema.items, ...(schema.anyOf ?? [])].flatMap((each) => idsIn(each, path)),
  ]
}

const PLACES = ['params', 'querystring', 'body'] as const
const ONE_SPELLING = [KEY_ID.source, `^(none|${UUID_PATTERN})$`]

function looseIds(all: readonly GuardedRoute[]): string[] {
  return all.flatMap((route) =>
    PLACES.flatMap((place) =>
      idsIn(route.schema[place] as Schema | undefined)
        .filter(({ schema }) => schema.format !== 'uuid' && !ONE_SPELLING.includes(schema.pattern ?? ''))
        .map(({ path }) => `${route.name}: ${place} ${path.join('.')}`),
    ),
  )
}

t.test('every id in a path, a query or a body has a schema with one spelling', (t) => {
  t.same(looseIds(routes), [])
  const loose = {
    name: 'GET /loose',
    schema: {
      body: { type: 'object', properties: { customer_id: { anyOf: [{ type: 'string' }, { type: 'null' }] } } },
    },
  } as unknown as GuardedRoute
  t.same(looseIds([loose]), ['GET /loose: body customer_id'], 'the guard finds a loose schema')
  t.end()
})

// Attack: the client writes the id of a row in capitals or as a URN. PostgreSQL finds the row, and everything that compares
// ids as text takes it for another one: the hash of the audit event, the filters of the audit, and the open streams.
t.test('400 403 404 every operation refuses every other spelling of every id', async (t) => {
  let refused = 0
  for (const route of routes) {
    const example = await examples[route.operation_id]?.()
    if (example === undefined) throw new Error(route.name)
    for (const place of PLACES) {
      for (const { path, schema } of idsIn(route.schema[place] as Schema | undefined)) {
        const [member] = path as [string]
        if (path.length > 1 || schema.format !== 'uuid') continue
        for (const [spelling, spell] of Object.entries(SPELLINGS)) {
          const given = { params: example.params, body: example.body, querystring: {} } as Record<string, object>
          const id = (given[place] as Record<string, string> | undefined)?.[member] ?? world.ids.owner
          const { params, body, querystring } = { ...given, [place]: { ...given[place], [member]: spell(id) } } as {
            params?: Record<string, string>
            body?: object
            querystring: Record<string, string>
          }
          const query = new URLSearchParams(querystring)
          const answer = await ask(gateway, `${pathOf(route.url, params ?? {})}${query.size > 0 ? `?${query}` : ''}`, {
            method: route.method,
            headers: example.headers,
            body,
          })
          const what = `${route.name} ${place} ${member} ${spelling}`
          const [status, code] =
            place !== 'params'
              ? [400, 'validation_failed']
              : member === 'tenant_id' && route.url.startsWith('/v1/tenants/')
                ? [403, 'tenant_access_denied']
                : [404, 'not_found']
          if (answer.status !== status || answer.body.code !== code) t.fail(`${what}: ${answer.status} ${answer.text}`)
          refused += 1
        }
      }
    }
  }
  t.ok(refused > 300, `${refused} refusals`)
})

t.test('400 the refusal of an id in a body says which spelling is accepted', async (t) => {
  const answer = await ask(gateway, '/v1/conversations', {
    headers: await world.as('owner'),
    body: { title: 'A', customer_id: (await world.createCustomer()).id.toUpperCase() },
  })
  t.match(answer, {
    status: 400,
    body: { errors: [{ pointer: '/customer_id', message: 'must be a UUID in lower case' }] },
  })
})
