import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const acme = await world.as('agent')
const globex = await world.as('other_owner', world.globex)
const create = (body: unknown, headers = acme) => ask(gateway, '/v1/customers', { headers, body })

const VALUES = { phone: '+4915112345678', email: 'one@example.com', external_id: 'E-1' }

t.test('409 phone, email and external id are unique in a tenant, and the problem names the field', async (t) => {
  const first = await create({ name: 'First', ...VALUES })
  t.equal(first.status, 201, first.text)
  const second = await create({ name: 'Second' })
  for (const [field, value] of Object.entries(VALUES)) {
    const conflict = { status: 409, body: { code: 'already_exists', conflicting_field: field } }
    const created = await create({ name: 'Third', [field]: value })
    t.match(created, conflict, `POST ${field}`)
    t.notMatch(created.text, new RegExp(first.body.id), 'the problem does not name the other customer')
    const path = `/v1/customers/${second.body.id}`
    t.match(await ask(gateway, path, { method: 'PATCH', headers: acme, body: { [field]: value } }), conflict, field)
  }
  t.match(await create({ name: 'Case', email: 'ONE@Example.COM' }), {
    status: 409,
    body: { conflicting_field: 'email' },
  })
  t.equal((await create({ name: 'Case', external_id: 'e-1' })).status, 201, 'an external id is case-sensitive')
  const own = `/v1/customers/${first.body.id}`
  t.equal(
    (await ask(gateway, own, { method: 'PATCH', headers: acme, body: VALUES })).status,
    200,
    'a customer does not conflict with itself',
  )
  for (let times = 0; times < 2; times += 1) {
    t.equal((await create({ name: 'Nobody', phone: null, email: null, external_id: null })).status, 201)
  }
})

// Attack: finds out from a conflict which values another tenant has stored.
t.test('201 another tenant can use the same values', async (t) => {
  const answer = await create({ name: 'Same', ...VALUES }, globex)
  t.equal(answer.status, 201, answer.text)
})

// A check before the insert would leave a race between the two.
t.test('201 409 of 50 concurrent creations with one phone number, exactly one succeeds', async (t) => {
  const tries = Array.from({ length: 50 }, (_, number) => create({ name: `Try ${number}`, phone: '+4915112345699' }))
  const answers = await Promise.all(tries)
  const statuses = answers.map(({ status }) => status).sort()
  t.same(statuses, [201, ...Array(49).fill(409)])
  t.ok(answers.filter(({ status }) => status === 409).every(({ body }) => body.conflicting_field === 'phone'))
  const [row] = await gateway.sql(`select count(*)::int as count from customers where phone = '+4915112345699'`)
  t.same(row, { count: 1 })
})
