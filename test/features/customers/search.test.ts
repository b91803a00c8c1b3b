import fc from 'fast-check'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.as('agent')
const create = async (body: unknown) => {
  const answer = await ask(gateway, '/v1/customers', { headers, body })
  if (answer.status !== 201) throw new Error(answer.text)
  return answer.body
}
const list = (query: Record<string, string>) => ask(gateway, `/v1/customers?${new URLSearchParams(query)}`, { headers })
const names = async (query: Record<string, string>): Promise<string[]> => {
  const answer = await list(query)
  if (answer.status !== 200) throw new Error(answer.text)
  return answer.body.data.map(({ name }: { name: string }) => name).sort()
}

const PEOPLE = [
  { name: 'Åsa Öberg', email: 'asa@Example.com', phone: '+4915112345678', external_id: 'X_1', tags: ['vip'] },
  { name: '100% cotton', tags: ['vip', 'Trial'] },
  { name: '100 cotton', external_id: 'X-1' },
  { name: 'under_score' },
  { name: 'underscore' },
  { name: 'back\\slash' },
  { name: "O'Brien; drop table customers; --" },
]
for (const person of PEOPLE) await create(person)

t.test('200 a search finds text anywhere in name, email, phone and external id, in any case', async (t) => {
  t.same(await names({ search: 'ÖBERG' }), ['Åsa Öberg'])
  t.same(await names({ search: 'ASA@eXAMPLE' }), ['Åsa Öberg'])
  t.same(await names({ search: '+49151' }), ['Åsa Öberg'])
  t.same(await names({ search: 'x_1' }), ['Åsa Öberg'])
  t.same(await names({ search: 'COTTON' }), ['100 cotton', '100% cotton'])
  t.same(await names({ search: 'nobody has this' }), [])
})

// Attack: sends LIKE patterns. A single % would list everything, and many of them cost CPU.
t.test('200 %, _, \\ and quotes are ordinary characters of a search', async (t) => {
  t.same(await names({ search: '%' }), ['100% cotton'])
  t.same(await names({ search: '100%' }), ['100% cotton'])
  t.same(await names({ search: 'under_s' }), ['under_score'])
  t.same(await names({ search: '\\' }), ['back\\slash'])
  t.same(await names({ search: '\\%' }), [])
  t.same(await names({ search: "O'Brien; drop" }), ["O'Brien; drop table customers; --"])
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[%_\\'"a-c]{1,6}$/), async (search) => {
      const expected = PEOPLE.filter(({ tags: _tags, ...person }) =>
        Object.values(person).some((text) => text.toLowerCase().includes(search)),
      )
      t.same(await names({ search }), expected.map(({ name }) => name).sort(), search)
    }),
    { numRuns: 40 },
  )
})

t.test('200 a tag matches only as a whole and in the same case', async (t) => {
  t.same(await names({ tag: 'vip' }), ['100% cotton', 'Åsa Öberg'])
  t.same(await names({ tag: 'Trial' }), ['100% cotton'])
  for (const tag of ['trial', 'vi', 'vip,Trial', '{vip}', '%', '"vip"']) t.same(await names({ tag }), [], tag)
  t.same(await names({ tag: 'vip', search: 'cotton' }), ['100% cotton'], 'tag and search must both match')
})

t.test('400 an invalid query', async (t) => {
  const wrong = ['search=', 'tag=', `search=${'x'.repeat(101)}`, 'limit=0', 'limit=101', 'limit=1.5', 'limit=x', 'q=x']
  const odd = ['search=a&search=b', 'search[]=a', 'limit=', 'limit=1&limit=2', 'tenant_id=x', 'limit=%31%30%30%30']
  for (const query of [...wrong, ...odd]) {
    const answer = await ask(gateway, `/v1/customers?${query}`, { headers })
    t.match(answer, { status: 400, body: { code: 'validation_failed' } }, query)
  }
  for (const search of ['\u0000', 'a\u0000b']) {
    const answer = await list({ search })
    t.equal(answer.status, 400, answer.text)
  }
  t.equal((await ask(gateway, '/v1/customers?search=%ff%fe', { headers })).status < 500, true)
})

t.test('200 pages contain each customer once, newest first, also while others are created', async (t) => {
  for (let number = 0; number < 12; number += 1) await create({ name: `Page ${number}`, tags: ['paged'] })
  const all = (await list({ tag: 'paged', limit: '100' })).body
  t.equal(all.next_cursor, null)
  t.same(
    all.data.map(({ name }: { name: string }) => name),
    Array.from({ length: 12 }, (_, number) => `Page ${11 - number}`),
  )
  const seen: string[] = []
  let page = await list({ tag: 'paged', limit: '5' })
  for (;;) {
    seen.push(...page.body.data.map(({ id }: { id: string }) => id))
    const next = /^<(.+)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1]
    t.equal(next === undefined, page.body.next_cursor === null, 'Link and next_cursor agree')
    if (next === undefined) break
    await create({ name: 'Meanwhile', tags: ['paged'] })
    page = await ask(gateway, next, { headers })
    t.equal(page.status, 200, page.text)
  }
  t.same(
    seen,
    all.data.map(({ id }: { id: string }) => id),
  )
})

// Attack: uses a cursor to bypass filters or to inject SQL.
t.test('400 a cursor that is forged, or that belongs to other filters', async (t) => {
  const { next_cursor: cursor } = (await list({ tag: 'paged', limit: '2' })).body
  t.equal((await list({ tag: 'paged', limit: '3', cursor })).status, 200, 'another limit with the same cursor')
  const bytes = Buffer.from(cursor.slice(1), 'base64url')
  const [seal, id] = [bytes.subarray(0, 16), bytes.subarray(16).toString()]
  const forge = (text: string, sealed = seal) => `c${Buffer.concat([sealed, Buffer.from(text)]).toString('base64url')}`
  t.equal(forge(id), cursor)
  const other_id = id.replace(/.$/, (last) => (last === '0' ? '1' : '0'))
  const forged = [
    'x',
    cursor.slice(2),
    forge(''),
    forge('x'),
    forge(id, Buffer.alloc(16)),
    forge(other_id),
    forge("' or true --"),
  ]
  for (const each of forged) t.match(await list({ tag: 'paged', cursor: each }), { status: 400 }, each)
  const others: Record<string, string>[] = [{}, { tag: 'vip' }, { tag: 'paged', search: 'a' }]
  for (const filters of others) {
    t.match(
      await list({ ...filters, cursor }),
      { status: 400, body: { code: 'invalid_cursor' } },
      JSON.stringify(filters),
    )
  }
  t.match(await list({ cursor: 'x'.repeat(513) }), { status: 400, body: { code: 'validation_failed' } })
})

// Attack: a tenant with many customers searches for a text that none has, so that one request reads all of them.
t.test('200 a search stops after 10,000 customers, and its cursor continues it', async (t) => {
  const many = 12_000
  const { globex } = world
  await gateway.sql(`insert into customers (tenant_id, id, name, created_at, updated_at)
    select '${globex.id}', ('019a0000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Customer ' || n, now(), now()
    from generate_series(1, ${many}) n`)
  const other = await world.as('other_owner', globex)
  const found = async (query: string) => (await ask(gateway, `/v1/customers?${query}`, { headers: other })).body
  const first = await found('search=nobody+has+this')
  t.same(first.data, [])
  const second = await found(`search=nobody+has+this&cursor=${first.next_cursor}`)
  t.same(second, { data: [], next_cursor: null })
  const oldest = await found(`search=customer+1&limit=100`)
  t.equal(oldest.data.length, 100, 'a page that is full ends the search')
  const rest = await found(`search=Customer+12000`)
  t.match(rest, { data: [{ name: 'Customer 12000' }], next_cursor: String })
})
