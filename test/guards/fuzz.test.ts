import fc from 'fast-check'
import { brokenChains } from '../helpers/chains.js'
import { startGateway } from '../helpers/gateway.js'
import { randomSeed } from '../helpers/random.js'
import { type Answer, ask, askRaw, untilDecided } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import { type Example, examplesOf } from './examples.js'
import { type FuzzedOperation, type HostileRequest, hostileRequests, type ValueSchema } from './hostile-requests.js'

const REQUESTS = Number(process.env.FUZZ_REQUESTS ?? 2_500)
const CLIENTS = 8
/** An example is made again after this many uses, because a request may have deleted its rows. */
const USES_MAX = 6
/** Operations whose request or example hashes passwords. A hash takes as long as ten other requests, so they are rarer. */
const HASHING = [
  ...['login', 'refresh', 'logout', 'register', 'resetPassword', 'changePassword', 'createPlatformUser'],
  ...[
    'acceptInvitation',
    'declineInvitation',
    'acceptMembership',
    'declineMembership',
    'acceptAppointment',
    'declineAppointment',
    'endSession',
    'requestEmailVerification',
    'joinInvitation',
    'submitInvitationPage',
    'submitResetPage',
  ],
]
const FORM = 'application/x-www-form-urlencoded'
/** The pool for requests, and that for facts. */
const SESSIONS_MAX = 12
/** A pool closes connections that were idle for so long, and opens others later. */
const IDLE_MS = 30_000

const gateway = await startGateway({ env: { ALLOW_REGISTRATION: 'true' } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const examples = examplesOf(gateway, world)
const { body: document } = await ask(gateway, '/openapi.json')

interface Operation {
  readonly operationId: string
  readonly parameters?: FuzzedOperation['parameters']
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: ValueSchema }>> }
}

const operations: FuzzedOperation[] = Object.entries(document.paths as Record<string, Record<string, Operation>>)
  .flatMap(([path, methods]) => Object.entries(methods).map(([method, each]) => ({ path, method, each })))
  .map(({ path, method, each }) => ({
    operation_id: each.operationId,
    method: method.toUpperCase(),
    path,
    parameters: each.parameters ?? [],
    body: Object.values(each.requestBody?.content ?? {})[0]?.schema,
    is_form: FORM in (each.requestBody?.content ?? {}),
  }))

let making: Promise<unknown> = Promise.resolve()
const made = new Map<string, { example: Promise<Example>; uses: number }>()

function exampleOf({ operation_id }: FuzzedOperation): Promise<Example> {
  const known = made.get(operation_id)
  if (known !== undefined && known.uses < USES_MAX) {
    known.uses += 1
    return known.example
  }
  const make = examples[operation_id]
  if (make === undefined) throw new Error(operation_id)
  // One after another, because the examples share a store, and a store runs one transaction at a time.
  const example = making.then(makeRoom).then(make)
  making = example.catch(() => undefined)
  made.set(operation_id, { example, uses: 1 })
  return example
}

/** A tenant can have so many roles, keys and open invitations, and the examples make more. The newest are in use. */
async function makeRoom(): Promise<void> {
  await gateway.sql('delete from roles where system_role is null')
  await gateway.sql(`update tenant_keys set revoked_at = now() where (tenant_id, id) in (
    select tenant_id, id from (
      select tenant_id, id, row_number() over (partition by tenant_id order by created_at desc) as newest,
        row_number() over (partition by tenant_id order by created_at) as oldest
      from tenant_keys where revoked_at is null
    ) as living where newest > 100 and oldest > 10)`)
}

async function send({ operation, path, query, headers, body }: HostileRequest): Promise<Answer> {
  const example = await exampleOf(operation)
  const target = operation.path.replaceAll(/\{([a-z_]+)\}/g, (_match, name: string) => {
    return path[name] ?? encodeURIComponent(example.params?.[name] ?? '')
  })
  const parameters = Object.entries(query).filter(([, value]) => value !== undefined)
  const url = [target, ...(parameters.length === 0 ? [] : [parameters.map((each) => each.join('=')).join('&')])].join(
    '?',
  )
  const own = example.body ?? example.form
  const sent = body.kind === 'example' ? own : body.kind === 'whole' ? body.value : merged(own, body.value)
  const given = Object.entries(headers).filter((each): each is [string, string] => each[1] !== undefined)
  const all = { ...example.headers, ...Object.fromEntries(given) }
  // An event stream does not end by itself.
  if (operation.operation_id === 'streamConversation') return ask(gateway, url, { headers: example.headers })
  const lines = [
    ...Object.entries(all).flat(),
    ...(sent === undefined ? ['content-length', '0'] : ['content-type', operation.is_form ? FORM : 'application/json']),
  ]
  return askRaw(gateway, url, {
    method: operation.method,
    lines,
    ...(sent !== undefined && { body: operation.is_form ? formOf(sent) : JSON.stringify(sent) }),
  })
}

/** Members of a body as the fields of a form; a body that is no object as it is. */
function formOf(sent: unknown): string {
  const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))
  if (typeof sent !== 'object' || sent === null) return textOf(sent)
  const fields = Object.entries(sent).map(([name, value]) => [name, textOf(value)].map(encodeField).join('='))
  return fields.join('&')
}

function encodeField(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

function merged(example: unknown, members: unknown): unknown {
  return { ...(example as object | undefined), ...(members as object) }
}

/** The sessions of the gateway on the server; none with the embedded database. */
async function sessions(): Promise<string[]> {
  if (gateway.test_database.url === undefined) return []
  const rows = await gateway.sql(
    `select pid || ' ' || backend_start as name from pg_stat_activity where datname = current_database() and application_name = 'gatehouse' and usename <> current_user`,
  )
  return rows.map((row) => String(row.name))
}

// Attack: the client sends every parameter and member of the contract with values at the edge of what its schema accepts,
// and beyond. A failed statement is 500, and it cost the gateway a connection to the database.
t.test('no hostile value for any operation is 500, costs a database session or breaks a chain', async (t) => {
  const seed = randomSeed(t)
  t.ok(operations.length > 90, `${operations.length} operations`)
  const ids = [...Object.values(world.ids), world.acme.id, world.globex.id, (await world.createCustomer()).id]
  const any = operations.map((each) => ({
    weight: HASHING.includes(each.operation_id) ? 1 : 5,
    arbitrary: hostileRequests(each, ids),
  }))
  const requests = fc.sample(fc.oneof(...any), { numRuns: REQUESTS, seed })
  const seen = new Set(await sessions())
  const statuses = new Map<number, number>()
  const succeeded = new Set<string>()
  const started = performance.now()
  let next = 0
  const client = async () => {
    for (let request = requests[next++]; request !== undefined; request = requests[next++]) {
      const { status, text } = await untilDecided(() => send(request))
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      if (status < 300) succeeded.add(request.operation.operation_id)
      if (status >= 500)
        t.fail(`${status} ${JSON.stringify({ ...request, operation: request.operation.operation_id })} ${text}`)
      if (next % 100 === 0) for (const session of await sessions()) seen.add(session)
    }
  }
  await Promise.all(Array.from({ length: CLIENTS }, client))
  const sessions_max = SESSIONS_MAX * (1 + Math.floor((performance.now() - started) / IDLE_MS))
  t.ok(seen.size <= sessions_max, `${seen.size} sessions of the database`)
  t.same(await brokenChains(gateway), {})
  // If nothing succeeded, no value would have reached the database.
  t.ok(
    succeeded.size > operations.length * 0.7,
    `${succeeded.size} operations succeeded; ${JSON.stringify([...statuses])}`,
  )
})
