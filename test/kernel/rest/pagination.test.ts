import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { generateSigningKeys } from '../../../src/kernel/config/secrets.js'
import { expectProblem } from '../../app/pipeline/expect-problem.js'
import { startGateway } from '../../helpers/gateway.js'
import { type Answer, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, login } from '../../helpers/world.js'

const signing_keys = generateSigningKeys()
const gateway = await startGateway({ signing_keys })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world
const owner = await world.as('owner')
const bearer = await world.bearer('owner')
const COUNT = 23
for (let number = 0; number < COUNT; number += 1) {
  await world.createCustomer('acme', { tags: number % 2 === 0 ? ['even'] : [], name: `ACMEMARK ${number}` })
}
for (let number = 0; number < 6; number += 1) await world.createCustomer('globex')
for (let number = 0; number < 7; number += 1) {
  await acme.store.write('tenant_key.created', (store) => store.keys.create({ name: `Key ${number}`, scopes: [] }))
}

for (const scope of ['agents:view', 'audit:view', 'customers:edit']) {
  const path = `/v1/tenants/${acme.id}/members/${world.ids.agent}/overrides/${scope}`
  await ask(gateway, path, { method: 'PUT', headers: bearer, body: { effect: 'grant', reason: 'Pages' } })
}
for (let number = 0; number < 4; number += 1) await login(gateway, 'owner')

type Row = Record<string, string>
const get = (path: string, headers = owner) => ask(gateway, path, { headers })

/** Reads all pages of a list, with next_cursor or with the unchanged URL of the Link header. */
async function follow(first: string, by: 'cursor' | 'link', headers = owner): Promise<Row[][]> {
  const pages: Row[][] = []
  let path: string | undefined = first
  while (path !== undefined) {
    const answer: Answer = await get(path, headers)
    if (answer.status !== 200) throw new Error(answer.text)
    pages.push(answer.body.data)
    const link = /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
    if ((link === undefined) !== (answer.body.next_cursor === null)) throw new Error('Link and next_cursor disagree')
    const { next_cursor } = answer.body
    const separator = first.includes('?') ? '&' : '?'
    path = by === 'link' ? link : (next_cursor ?? undefined) && `${first}${separator}cursor=${next_cursor}`
    if (pages.length > 120) throw new Error('the list does not end')
  }
  return pages
}

const idOf = (row: Row) => row.id ?? row.user_id ?? row.scope

t.test('the pages of any limit contain each row of the list once and in the same order', async (t) => {
  const lists: [string, Record<string, string>][] = [
    ['/v1/customers', owner],
    ['/v1/customers?tag=even', owner],
    ['/v1/customers?search=ACMEMARK%201', owner],
    [`/v1/tenants/${acme.id}/keys`, bearer],
    [`/v1/tenants/${acme.id}/members`, bearer],
    ['/v1/tenants', bearer],
    ['/v1/platform/users', await world.bearer('operator')],
    ['/v1/platform/tenants', await world.bearer('operator')],
    [`/v1/tenants/${acme.id}/audit-events`, bearer],
    ['/v1/platform/audit-events', await world.bearer('operator')],
    [`/v1/tenants/${acme.id}/roles`, bearer],
    [`/v1/tenants/${acme.id}/members/${world.ids.agent}/overrides`, bearer],
    [`/v1/tenants/${acme.id}/scopes`, bearer],
    ['/v1/me/sessions', bearer],
  ]
  for (const [path, headers] of lists) {
    const separator = path.includes('?') ? '&' : '?'
    const whole = (await follow(`${path}${separator}limit=100`, 'cursor', headers)).flat().map(idOf)
    t.ok(whole.length > 0 && new Set(whole).size === whole.length, `${path}: ${whole.length} different rows`)
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 30 }), fc.constantFrom('cursor', 'link'), async (limit, by) => {
        const pages = await follow(`${path}${separator}limit=${limit}`, by as 'cursor' | 'link', headers)
        const full = pages.slice(0, -1).every((page) => page.length === limit)
        return full && JSON.stringify(pages.flat().map(idOf)) === JSON.stringify(whole)
      }),
      {
        numRuns: 5,
        examples: [
          [1, 'link'],
          [whole.length, 'cursor'],
        ],
      },
    )
  }
  t.equal((await follow('/v1/customers?limit=100', 'cursor')).flat().length, COUNT)
  t.equal((await get('/v1/customers')).body.data.length, COUNT, 'the default limit is 50')
})

t.test('rows that are created or deleted between two pages neither repeat nor hide other rows', async (t) => {
  const before = (await follow('/v1/customers?limit=100', 'cursor')).flat().map(idOf) as string[]
  const first = await get('/v1/customers?limit=10')
  const newer = await world.createCustomer('acme')
  await ask(gateway, `/v1/customers/${before[9]}`, { method: 'DELETE', headers: owner })
  const rest = (await follow(`/v1/customers?limit=10&cursor=${first.body.next_cursor}`, 'link')).flat().map(idOf)
  t.same(rest, before.slice(10), 'after the last row of the page was deleted')
  t.notOk(rest.includes(newer.id))
})

t.test('a Link contains the filters of the list, and no credentials', async (t) => {
  const answer = await get('/v1/customers?limit=2&tag=even&search=ACMEMARK%20')
  const link = answer.headers.get('link') ?? ''
  const parameters = new URL(/<([^>]+)>/.exec(link)?.[1] ?? '', gateway.url).searchParams
  t.match(Object.fromEntries(parameters), {
    limit: '2',
    tag: 'even',
    search: 'ACMEMARK ',
    cursor: answer.body.next_cursor,
  })
  t.notOk(link.includes(acme.key) || link.includes(await world.token('owner')))
})

// Attack: the client changes a cursor, or uses one of another list, to see rows that the list does not show.
t.test('400 a cursor that is forged, cut, or of another tenant, list or filter', async (t) => {
  const cursor = async (path: string, headers = owner): Promise<string> => (await get(path, headers)).body.next_cursor
  const mine = await cursor('/v1/customers?limit=2')
  const integration = { 'x-tenant-id': acme.id, 'x-tenant-api-key': acme.integration_key }
  const bytes = Buffer.from(mine, 'base64url')
  const [seal, id] = [bytes.subarray(0, 16), bytes.subarray(16).toString()]
  const other = (await get('/v1/customers?limit=5')).body.data[4].id as string
  const encode = (...parts: (string | Buffer)[]) =>
    Buffer.concat(parts.map((each) => Buffer.from(each))).toString('base64url')
  // The cursor of earlier releases: its seal had no key, so a client could make one.
  const list = [acme.id, 'user', '/v1/customers', []]
  const unkeyed = createHash('sha256').update(JSON.stringify(list)).digest('hex').slice(0, 24)
  const forged: Record<string, string> = {
    'no cursor at all': 'x',
    'random bytes': Buffer.from('01234567890123456789').toString('base64url'),
    cut: mine.slice(0, -4),
    'cut in the middle': mine.slice(0, 20),
    'an id alone': encode(id),
    'a seal without a key': encode(`${unkeyed}.${id}`),
    'another seal': encode(Buffer.alloc(16), id),
    'no id': encode(seal),
    'the id of another row of the list': encode(seal, other),
    'a malformed id': encode(seal, "' or 1=1 --"),
    'an id and more': encode(seal, `${id}' --`),
    'the id of a key': encode(seal, 'AAAAbbbb0000'),
    'a position': encode(seal, '7'),
    'NUL in the id': encode(seal, `${id.slice(0, -1)}\0`),
    'the id in capitals': encode(seal, id.toUpperCase()),
    'of another tenant': await cursor('/v1/customers?limit=2', await world.as('other_owner', globex)),
    'of another filter': await cursor('/v1/customers?limit=2&tag=even'),
    'of another list': await cursor(`/v1/tenants/${acme.id}/keys?limit=2`, bearer),
    'of the platform': await cursor('/v1/platform/users?limit=2', await world.bearer('operator')),
  }
  for (const [name, value] of Object.entries(forged)) {
    t.ok(value, `the cursor ${name}`)
    const answer = await get(`/v1/customers?limit=2&cursor=${value}`)
    expectProblem(t, answer, 400, 'invalid_cursor', name)
  }
  expectProblem(t, await get(`/v1/customers?tag=even&cursor=${mine}`), 400, 'invalid_cursor', 'a filter was added')
  expectProblem(t, await get(`/v1/customers?cursor=${'a'.repeat(513)}`), 400, 'validation_failed', 'too long')
  expectProblem(t, await get('/v1/customers?cursor='), 400, 'validation_failed', 'empty')
  t.equal((await get(`/v1/customers?limit=3&cursor=${mine}`)).status, 200, 'another limit is the same list')
  t.equal((await get(`/v1/customers?limit=2&cursor=${mine}`)).status, 200)
  expectProblem(
    t,
    await get(`/v1/customers?cursor=${mine}`, integration),
    400,
    'invalid_cursor',
    'of another principal',
  )
})

// Attack: the client continues a list at a position that no page ended with: an id of another type, so that the database
// fails to compare it, or the id of another tenant's row.
t.test('400 a cursor with another position, of every kind of list', async (t) => {
  const foreign = await world.createCustomer('globex')
  const lists = [
    ['/v1/customers', owner, foreign.id, 'AAAAbbbb0000', '7'],
    [`/v1/tenants/${acme.id}/keys`, bearer, '7', world.ids.owner],
    [`/v1/tenants/${acme.id}/audit-events`, bearer, world.ids.owner, '0', '-1', '9'.repeat(19), '999999999999999'],
  ] as const
  for (const [path, headers, ...positions] of lists) {
    const { next_cursor } = (await get(`${path}?limit=2`, headers)).body
    t.equal((await get(`${path}?cursor=${next_cursor}`, headers)).status, 200)
    const seal = Buffer.from(next_cursor.slice(1), 'base64url').subarray(0, 16)
    for (const position of positions) {
      const cursor = `c${Buffer.concat([seal, Buffer.from(position)]).toString('base64url')}`
      expectProblem(t, await get(`${path}?cursor=${cursor}`, headers), 400, 'invalid_cursor', `${path} ${position}`)
    }
  }
})

t.test('200 another replica with the same signing keys continues the list', async (t) => {
  const replica = await startGateway({ on: gateway.test_database, signing_keys })
  const { next_cursor } = (await get('/v1/customers?limit=2')).body
  const answer = await ask(replica, `/v1/customers?limit=2&cursor=${next_cursor}`, { headers: owner })
  t.equal(answer.status, 200)
  await replica.close()
})
