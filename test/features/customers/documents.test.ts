import fc from 'fast-check'
import { startGateway } from '../../helpers/gateway.js'
import { randomSeed } from '../../helpers/random.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const CUSTOMERS = 120
const PAGE = 7

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.as('agent')

/** What a text of the database can hold: everything but NUL and halves of pairs. */
const text = (maxLength: number) =>
  fc
    .string({ unit: 'binary', minLength: 1, maxLength })
    .filter((value) => value.isWellFormed() && !value.includes('\0'))
const name = fc.oneof(
  text(40),
  fc.constantFrom('"', '\\', '\u0001', '\u001f', '\u007f', '\u2028', '</script>', ', ": {}'),
)
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constantFrom(0, -0, 1e21, 1e-7, 123456789012345680000, Number.MAX_VALUE, Number.MIN_VALUE),
)
const key = fc.oneof(name, fc.constantFrom('1', '10', '2', '007', 'constructor', 'toJSON'))
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.oneof(name, number, fc.boolean(), fc.constant(null)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
}))
const customer = fc.record({
  name,
  email: fc.option(name),
  phone: fc.option(name),
  external_id: fc.option(name),
  tags: fc.array(fc.oneof(name, fc.constantFrom('NULL', '', '{}', ',')), { maxLength: 5 }),
  metadata: fc.dictionary(key, value, { maxKeys: 5, noNullPrototype: true }),
})

t.test('200 a list has the bytes that the serialiser writes for each of its customers', async (t) => {
  const seed = randomSeed(t)
  for (const [index, input] of fc.sample(customer, { seed, numRuns: CUSTOMERS }).entries()) {
    // These three are unique in a tenant.
    const unique = (wish: string | null) => (wish === null ? null : `${index} ${wish}`)
    await world.acme.store.write('customer.created', (store) =>
      store.customers.create({
        ...input,
        email: unique(input.email),
        phone: unique(input.phone),
        external_id: unique(input.external_id),
        metadata: input.metadata as Record<string, unknown>,
      }),
    )
  }
  let path: string | undefined = `/v1/customers?limit=${PAGE}`
  let seen = 0
  while (path !== undefined) {
    const page = await ask(gateway, path, { headers })
    t.equal(page.headers.get('content-type'), 'application/json; charset=utf-8')
    const { data, next_cursor } = page.body as { data: { id: string }[]; next_cursor: string | null }
    const each: string[] = []
    for (const { id } of data) each.push((await ask(gateway, `/v1/customers/${id}`, { headers })).text)
    const expected = `{"data":[${each.join(',')}],"next_cursor":${JSON.stringify(next_cursor)}}`
    if (page.text !== expected) t.equal(page.text, expected)
    seen += data.length
    t.ok(data.length === PAGE || next_cursor === null)
    path = next_cursor === null ? undefined : `/v1/customers?limit=${PAGE}&cursor=${next_cursor}`
  }
  t.ok(seen >= CUSTOMERS, `${seen} customers`)
})

t.test('200 a page without customers is an empty list', async (t) => {
  const page = await ask(gateway, '/v1/customers?tag=nobody', { headers })
  t.equal(page.text, '{"data":[],"next_cursor":null}')
})

// Attack on memory: PostgreSQL writes each digit of a small number, so 16 KiB of them were a megabyte for each reader.
t.test('400 metadata count as the database writes them', async (t) => {
  const create = (numbers: number[]) =>
    ask(gateway, '/v1/customers', { headers, body: { name: 'Small', metadata: { numbers } } })
  const fits = (bytes: number) => Math.floor(16_000 / (bytes + 1))
  for (const [value, bytes] of [
    [5e-324, 326],
    [-1.5e-7, 11],
    [0.25, 4],
  ] as const) {
    t.equal((await create(new Array(fits(bytes)).fill(value))).status, 201, String(value))
    t.match(await create(new Array(fits(bytes) + 400).fill(value)), {
      status: 400,
      body: { errors: [{ pointer: '/metadata', message: 'must be at most 16384 bytes of JSON' }] },
    })
  }
})

t.test('200 a time that JSON cannot hold is null, and its customer is in the list', async (t) => {
  const { id } = await world.createCustomer('acme', { tags: ['far'] })
  await gateway.sql(`update customers set created_at = 'infinity' where id = '${id}'`)
  const list = await ask(gateway, '/v1/customers?tag=far', { headers })
  t.match(list.body.data, [{ id, created_at: null }])
})
