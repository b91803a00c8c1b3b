import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { guardedRoutes } from './route-table.js'

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)

/** Fields whose schema takes white space alone, each with the reason. */
const TAKES_WHITE_SPACE: Readonly<Record<string, string>> = {
  '/email': 'it is compared with the addresses of users, and every failure has the same response',
  '/password': 'every character counts in a password',
  '/current_password': 'it is compared with a digest',
  '/new_password': 'every character counts in a password',
  '/refresh': 'it is compared with the digests of secrets',
  '/roles/0': 'it is the name of a role, and an unknown name is refused',
  '/phone': 'the writer refuses what is no number',
  '/allowed_cidrs/0': 'the writer refuses what is no network',
}

interface Schema {
  readonly type?: string
  readonly format?: string
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minLength?: number
  readonly maxLength?: number
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly anyOf?: readonly Schema[]
}

/** The pointers of the strings of a body that can be white space alone. */
function blanksOf(schema: Schema, pointer = ''): string[] {
  const inside = [
    ...Object.entries(schema.properties ?? {}).map(([name, each]) => [`${pointer}/${name}`, each] as const),
    ...(schema.items === undefined ? [] : [[`${pointer}/0`, schema.items] as const]),
    ...(schema.anyOf ?? []).map((each) => [pointer, each] as const),
  ].flatMap(([name, each]) => blanksOf(each, name))
  return schema.type === 'string' && takesBlank(schema) ? [...inside, pointer] : inside
}

function takesBlank({ format, pattern, enum: values, const: value, minLength = 1, maxLength = minLength }: Schema) {
  if (format !== undefined || values !== undefined || value !== undefined) return false
  const blanks = [' ', '\u00a0', '\t', '\n', '\u2003'].map((space) => space.repeat(Math.min(minLength, maxLength)))
  return blanks.some((blank) => pattern === undefined || new RegExp(pattern, 'u').test(blank))
}

// A message, a title or a reason that nobody can see is a mistake of the client.
t.test('400 no text of a body is white space alone, or the list above gives the reason', async (t) => {
  const routes = guardedRoutes(gateway.routes).filter(({ schema }) => schema.body !== undefined)
  const blanks = routes.flatMap(({ operation_id, schema }) =>
    blanksOf(schema.body as Schema).map((pointer) => ({ operation_id, pointer })),
  )
  t.ok(routes.length > 30, `${routes.length} bodies`)
  t.same(
    blanks.filter(({ pointer }) => TAKES_WHITE_SPACE[pointer] === undefined),
    [],
  )
  const named = new Set(blanks.map(({ pointer }) => pointer))
  t.same([...named].sort(), Object.keys(TAKES_WHITE_SPACE).sort(), 'each entry of the list has such a field')
})

t.test('400 a name and a message of white space alone get the pointer of the field', async (t) => {
  const headers = await world.as('owner')
  const send = (path: string, body: unknown) => ask(gateway, path, { method: 'POST', headers, body })
  const { body: talk } = await send('/v1/conversations', { title: 'Talk' })
  for (const [path, body, pointer] of [
    [`/v1/tenants/${world.acme.id}/roles`, { name: ' \u2003\t', scopes: [] }, '/name'],
    [`/v1/tenants/${world.acme.id}/roles`, { name: 'a\u0007b', scopes: [] }, '/name'],
    ['/v1/conversations', { title: '\u00a0 ' }, '/title'],
    [`/v1/conversations/${talk.id}/messages`, { content: ' \n\t' }, '/content'],
  ] as const) {
    const answer = await send(path, body)
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer }] } }, path)
  }
})
