import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.as('agent')
const create = (body: unknown) => ask(gateway, '/v1/customers', { headers, body })
const get = (id: string) => ask(gateway, `/v1/customers/${id}`, { headers })
const patch = (id: string, body: unknown, more = {}) =>
  ask(gateway, `/v1/customers/${id}`, { method: 'PATCH', headers: { ...headers, ...more }, body })
const remove = (id: string, more = {}) =>
  ask(gateway, `/v1/customers/${id}`, { method: 'DELETE', headers: { ...headers, ...more } })

const FULL = {
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  phone: '+4915112345678',
  external_id: 'A-1',
  tags: ['vip', 'returning'],
  metadata: { city: 'London', orders: 3, nested: { a: [1, null, true] } },
}

t.test('201 200 204 a customer is created, read, changed and deleted', async (t) => {
  const created = await create(FULL)
  t.equal(created.status, 201, created.text)
  t.match(created.body, { ...FULL, version: 1 })
  t.same(Object.keys(created.body).sort(), [...Object.keys(FULL), 'id', 'version', 'created_at', 'updated_at'].sort())
  const { id } = created.body
  t.equal(created.headers.get('location'), `/v1/customers/${id}`)
  t.equal(created.headers.get('etag'), '"1"')
  const read = await get(id)
  t.same(read.body, created.body)
  t.equal(read.headers.get('etag'), '"1"')

  gateway.clock.advance(1000)
  const changed = await patch(id, { name: 'Ada King', tags: [] })
  t.equal(changed.status, 200, changed.text)
  t.match(changed.body, { ...FULL, name: 'Ada King', tags: [], version: 2, created_at: created.body.created_at })
  t.ok(changed.body.updated_at > created.body.updated_at)
  t.equal(changed.headers.get('etag'), '"2"')
  t.same((await get(id)).body, changed.body)

  const deleted = await remove(id)
  t.equal(deleted.status, 204)
  t.equal(deleted.text, '')
  for (const gone of [await get(id), await patch(id, { name: 'x' }), await remove(id)]) {
    t.match(gone, { status: 404, body: { code: 'not_found' } })
  }
  t.equal((await create(FULL)).status, 201, 'the unique values can be used again')
})

t.test('200 null clears a field, an omitted field stays unchanged, and a name cannot be cleared', async (t) => {
  const { body } = await create({
    name: 'Clear',
    email: 'clear@example.com',
    phone: '+4915112345670',
    external_id: 'C',
  })
  const cleared = await patch(body.id, { email: null, phone: null, external_id: null, metadata: {} })
  t.match(cleared, { status: 200, body: { name: 'Clear', email: null, phone: null, external_id: null, metadata: {} } })
  for (const wrong of [{ name: null }, { tags: null }, { metadata: null }]) {
    t.match(await patch(body.id, wrong), { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(wrong))
  }
})

// Two users must not overwrite each other's changes.
t.test('412 If-Match names another version, in every spelling; the current version is accepted', async (t) => {
  const { body } = await create({ name: 'Versions' })
  const { id } = body
  const wrong = [
    '"2"',
    'W/"1"',
    '1',
    "'1'",
    '"01"',
    '" 1"',
    '""',
    '"x"',
    '"1',
    '"2", "3"',
    'W/"1", W/"2"',
    ',',
    '"9999999999"',
  ]
  for (const tag of wrong) {
    t.match(
      await patch(id, { name: 'No' }, { 'if-match': tag }),
      { status: 412, body: { code: 'precondition_failed' } },
      tag,
    )
    t.match(await remove(id, { 'if-match': tag }), { status: 412 }, tag)
  }
  t.equal((await get(id)).body.version, 1, 'the customer is unchanged')
  let version = 1
  for (const tag of ['"1"', '"7", "2"', '"3","4"', '*', ' * ', '"9" , W/"6", "6"']) {
    const answer = await patch(id, { name: `Version ${tag}` }, { 'if-match': tag })
    version += 1
    t.match(answer, { status: 200, body: { version } }, `${tag} ${answer.text}`)
  }
  t.equal((await remove(id, { 'if-match': '"1"' })).status, 412)
  t.equal((await remove(id, { 'if-match': `"${version}"` })).status, 204)
  t.equal((await patch(id, { name: 'Gone' }, { 'if-match': '*' })).status, 404, 'a deleted customer')
})

t.test('412 of 20 concurrent changes of one version, exactly one succeeds', async (t) => {
  const { body } = await create({ name: 'Race' })
  const tries = Array.from({ length: 20 }, (_, number) =>
    patch(body.id, { name: `Writer ${number}` }, { 'if-match': '"1"' }),
  )
  const answers = await Promise.all(tries)
  const won = answers.filter(({ status }) => status === 200)
  t.equal(won.length, 1)
  t.ok(answers.every(({ status }) => status === 200 || status === 412))
  t.same((await get(body.id)).body, won[0]?.body)
})

// Attack: mass assignment of fields that belong to the gateway, and of unknown fields.
t.test('400 a field that a client cannot set is refused by name, never ignored', async (t) => {
  const { body } = await create({ name: 'Mine' })
  const foreign = {
    id: body.id,
    tenant_id: world.globex.id,
    version: 7,
    created_at: '2020-01-01T00:00:00Z',
    updated_at: '2020-01-01T00:00:00Z',
    nmae: 'typo',
    Name: 'case',
  }
  for (const [field, value] of Object.entries(foreign)) {
    const told = { status: 400, body: { code: 'validation_failed', errors: [{ pointer: `/${field}` }] } }
    t.match(await create({ name: 'New', [field]: value }), told, `POST ${field}`)
    t.match(await patch(body.id, { name: 'New', [field]: value }), told, `PATCH ${field}`)
  }
  t.same((await get(body.id)).body, body)
})

t.test('400 an empty change, a customer without a name, and an invalid body', async (t) => {
  const { body } = await create({ name: 'Still' })
  for (const nothing of [{}, [], 'text', 1, null, undefined]) {
    const answer = await patch(body.id, nothing)
    t.match(answer, { status: 400 }, JSON.stringify(nothing))
  }
  t.match(await create({}), { status: 400, body: { errors: [{ pointer: '/name', message: 'is required' }] } })
  t.equal((await get(body.id)).body.version, 1)
})

t.test('404 a malformed id gets the answer of an unknown id', async (t) => {
  for (const id of ['1', 'x', '00000000-0000-0000-0000-00000000000g', '%00', '%2e%2e', '0'.repeat(100)]) {
    t.match(await get(id), { status: 404, body: { code: 'not_found' } }, id)
  }
  t.equal((await get('0'.repeat(101))).status, 414)
})
