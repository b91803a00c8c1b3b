import type { FastifyRequest } from 'fastify'
import { open } from '../../../src/kernel/request/access.js'
import { examplesOf } from '../../guards/examples.js'
import { guardedRoutes, pathOf } from '../../guards/route-table.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

interface BodySchema {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
}
type Validate = (body: unknown) => boolean

/** The size of the worst bodies, in characters of JSON. */
const BODY_CHARACTERS = 16_384
const CPU_MS_MAX = 5
/** The best of several rounds, because other processes slow single rounds down. */
const ROUNDS = 5

let compile: FastifyRequest['compileValidationSchema'] | undefined
const gateway = await startGateway({
  env: { ALLOW_REGISTRATION: 'true' },
  more: async (app) => {
    app.get('/mistakes/compiler', { config: open(), schema: { response: { 200: {} } } }, async (request) => {
      compile = request.compileValidationSchema.bind(request)
      return {}
    })
  },
})
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')
const keys = `/v1/tenants/${world.acme.id}/keys`
const errorsOf = async (path: string, body: unknown, method = 'POST') => {
  const answer = await ask(gateway, path, { method, headers: owner, body })
  if (answer.status !== 400 || answer.body.code !== 'validation_failed') throw new Error(answer.text)
  return answer.body.errors as { pointer: string; message: string }[]
}
const withBody = guardedRoutes(gateway.routes).filter(({ schema }) => schema.body !== undefined)

t.test('400 every mistake of a body is in one response', async (t) => {
  t.same(await errorsOf(keys, { name: '', scopes: ['no:scope'], requests_per_minute: 0, unknown: 1 }), [
    { pointer: '/unknown', message: 'is not a known field' },
    { pointer: '/name', message: 'must NOT have fewer than 1 characters' },
    {
      pointer: '/name',
      message: 'must be one line of text, with more than white space and without control characters',
    },
    {
      pointer: '/scopes/0',
      message: 'is not a scope of this gateway; GET /v1/tenants/{tenant_id}/scopes lists them',
    },
    { pointer: '/requests_per_minute', message: 'must be >= 1' },
  ])
  const missing = await errorsOf('/v1/auth/register', { surname: 'x' })
  t.same(
    missing.map(({ pointer, message }) => `${pointer} ${message}`),
    ['/email is required', '/password is required', '/name is required', '/surname is not a known field'],
  )
  const change = { name: 5, expires_at: 5, allowed_cidrs: [5] }
  t.same(await errorsOf(`${keys}/${world.acme.integration_key_id}`, change, 'PATCH'), [
    { pointer: '/name', message: 'must be string' },
    { pointer: '/expires_at', message: 'must be string or null' },
    { pointer: '/allowed_cidrs/0', message: 'must be string' },
  ])
})

t.test('400 a response lists at most 20 mistakes', async (t) => {
  const unknown = Object.fromEntries(Array.from({ length: 50 }, (_, number) => [`field_${number}`, number]))
  t.equal((await errorsOf(keys, { name: 'Many', ...unknown })).length, 20)
})

// Attack: sends a body with as many mistakes as it can hold, so that the gateway makes an error for each of them.
t.test(
  '400 of a body with more than 1,000 values or 16,384 characters, only the first mistake is listed',
  async (t) => {
    const scopes = Array.from({ length: 1_001 }, () => 1)
    t.equal((await errorsOf(keys, { name: 'Many', scopes })).length, 1)
    t.equal((await errorsOf(keys, { name: 'x'.repeat(BODY_CHARACTERS + 1), unknown: 1 })).length, 1)
  },
)

/** Texts that make patterns and formats read the same characters again. */
const SEEDS = [
  'a',
  '0',
  '-',
  '.',
  'a.',
  'a@',
  'a@a.',
  ' ',
  ' a',
  '/',
  'a://',
  ':',
  '\\',
  '%',
  '\u00e9',
  '+1',
  '{}',
  '2026-01-01T',
]

/** Bodies of 16 KiB that break as many rules of a schema as they can. */
function* worstBodies({ properties = {} }: BodySchema): Generator<unknown> {
  const names = Object.keys(properties)
  const room = BODY_CHARACTERS - 200
  for (const seed of SEEDS) {
    const text = seed.repeat(Math.ceil(room / seed.length))
    for (const name of names) yield { [name]: text.slice(0, room) }
    const part = text.slice(0, Math.floor(room / Math.max(1, names.length)))
    yield Object.fromEntries(names.map((name) => [name, part]))
  }
  for (const items of [8_000, 990]) {
    for (const item of [1, 'x', null, {}, []]) {
      for (const name of names) yield { [name]: Array.from({ length: items }, () => item) }
    }
    yield Object.fromEntries(Array.from({ length: items / 4 }, (_, number) => [`unknown_${number}`, 0]))
  }
  const each = Math.floor(990 / Math.max(1, names.length))
  yield Object.fromEntries(names.map((name) => [name, Array.from({ length: each }, (_, n) => ({ n }))]))
  yield Array.from({ length: 990 }, () => ({}))
}

function costOf(validate: Validate, body: unknown): number {
  const costs = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage()
    validate(body)
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...costs)
}

// Attack: sends the 16 KiB that cost the most CPU to validate, to stop all other requests.
t.test('no body of 16 KiB costs more than 5 ms of CPU, at any operation that takes a body', async (t) => {
  await ask(gateway, '/mistakes/compiler')
  let worst = { cost: 0, what: '' }
  for (const { name, schema } of withBody) {
    const validate = compile?.(schema.body as Record<string, unknown>, 'body') as unknown as Validate
    validate(0)
    for (const body of worstBodies(schema.body as BodySchema)) {
      const cost = costOf(validate, body)
      if (cost > worst.cost) worst = { cost, what: `${name} ${JSON.stringify(body).slice(0, 60)}` }
    }
  }
  t.comment(`${worst.cost.toFixed(2)} ms: ${worst.what}`)
  t.ok(worst.cost <= CPU_MS_MAX, `${worst.cost} ms: ${worst.what}`)
  t.ok(withBody.length > 30, `${withBody.length} operations`)
})

t.test('400 a missing body is refused with the fields that it must have', async (t) => {
  const path = `${keys}/${world.acme.integration_key_id}/rotate`
  const told = [{ pointer: '', message: 'is required: send a JSON body with overlap_seconds' }]
  t.same(await errorsOf(path, undefined), told)
  const empty = await askRaw(gateway, path, {
    method: 'POST',
    lines: ['Authorization', String(owner.authorization), 'Content-Type', 'application/json', 'Content-Length', '0'],
  })
  t.match(empty, { status: 400, body: { errors: told } }, 'a Content-Type without a body')
  t.same(await errorsOf(`/v1/tenants/${world.acme.id}`, undefined, 'PATCH'), [
    { pointer: '', message: 'is required: send a JSON body with at least one of name, allowed_origins, retention' },
  ])
  const operator = await world.bearer('operator')
  const tenant = await ask(gateway, '/v1/platform/tenants', { method: 'POST', headers: operator })
  t.same(tenant.body.errors, [
    { pointer: '', message: 'is required: send a JSON body with name, owner_email or owner_id' },
  ])
})

t.test('400 every operation whose body is required says so in words', async (t) => {
  await ask(gateway, '/mistakes/compiler')
  const examples = examplesOf(gateway, world)
  let refused = 0
  for (const { name, method, url, schema, operation_id } of withBody) {
    const validate = compile?.(schema.body as Record<string, unknown>, 'body') as unknown as Validate
    if (validate(null)) continue
    const { headers, params = {} } = (await examples[operation_id]?.()) ?? { headers: {} }
    const answer = await ask(gateway, pathOf(url, params), { method, headers: { 'if-match': '*', ...headers } })
    const message = /^is required: send a (JSON body|form) with (at least one of )?[a-z]/
    t.match(answer, { status: 400, body: { errors: [{ pointer: '', message }] } }, name)
    refused += 1
  }
  t.ok(refused > 25, `${refused} operations`)
})
