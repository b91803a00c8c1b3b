import { isInstant } from '../../../src/kernel/time/instants.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = await world.bearer('owner')
const operator = await world.bearer('operator')
const of_acme = `/v1/tenants/${world.acme.id}`

/** Texts that only some of the schema library, JavaScript and the database accept as a point in time. */
const NONE = [
  '0000-01-01T00:00:00Z',
  '10000-01-01T00:00:00Z',
  '+010000-01-01T00:00:00Z',
  '-000001-01-01T00:00:00Z',
  '9999-12-31T23:59:59-01:00',
  '0001-01-01T00:00:00+01:00',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T25:00:00Z',
  '2026-06-30T23:59:60Z',
  '2026-01-01T00:00:00+23:00',
  '2026-01-01T00:00:00-15:30',
  '2026-01-01T00:00:00',
  '2026-01-01 00:00:00Z',
  '2026-01-01',
  '20260101T000000Z',
  '1767225600',
  'tomorrow',
  'infinity',
  `2026-01-01T00:00:00.${'0'.repeat(50)}Z`,
  ' 2026-01-01T00:00:00Z',
  '2026-01-01T00:00:00Z\n',
  '٢٠٢٦-01-01T00:00:00Z',
  '',
]

t.test('the gateway accepts only points in time that the database reads too', async (t) => {
  for (const text of NONE) t.notOk(isInstant(text), JSON.stringify(text))
  for (const text of [
    '2026-01-01T00:00:00Z',
    '2026-01-01T00:00:00.123456789Z',
    '2026-01-01t00:00:00z',
    '2026-01-01T00:00:00+14:00',
    '2026-01-01T00:00:00-12:00',
    '2024-02-29T00:00:00Z',
    '0001-01-01T00:00:00Z',
    '9999-12-31T23:59:59.999Z',
  ]) {
    t.ok(isInstant(text), text)
    const [row] = await gateway.sql(`select '${text}'::timestamptz as read`)
    t.ok(row?.read, 'the database reads the text')
  }
})

// If only the database refused a date, the client would get a 500. If the two read it differently, it would change.
t.test('400 with a pointer for an invalid point in time, in every body and query', async (t) => {
  const places: [string, string, string, (text: string) => unknown][] = [
    ['POST', `${of_acme}/keys`, '/expires_at', (expires_at) => ({ name: 'x', expires_at })],
    ['PATCH', `${of_acme}/keys/${world.acme.integration_key_id}`, '/expires_at', (expires_at) => ({ expires_at })],
    ['POST', `/v1/platform/tenants/${world.globex.id}/suspend`, '/until', (until) => ({ reason: 'x', until })],
    ['PATCH', `/v1/platform/tenants/${world.globex.id}`, '/trial_ends_at', (trial_ends_at) => ({ trial_ends_at })],
    [
      'POST',
      '/v1/platform/tenants',
      '/trial_ends_at',
      (trial_ends_at) => ({ name: 'x', owner_id: world.ids.owner, trial_ends_at }),
    ],
  ]
  for (const [method, path, pointer, body] of places) {
    for (const text of [...NONE, 0, 1e12, ['2026-01-01T00:00:00Z'], {}]) {
      const headers = path.startsWith('/v1/platform') ? operator : owner
      const answer = await ask(gateway, path, { method, headers, body: body(text as string) })
      t.match(answer, { status: 400, body: { errors: [{ pointer }] } }, `${method} ${path} ${JSON.stringify(text)}`)
    }
  }
  const lists = [
    [`${of_acme}/audit-events`, owner],
    [`${of_acme}/audit-events/export`, owner],
    [`${of_acme}/usage`, owner],
    ['/v1/platform/audit-events', operator],
    ['/v1/platform/analytics/tenants', operator],
    ['/v1/platform/analytics/growth', operator],
  ] as const
  for (const [path, headers] of lists) {
    for (const text of NONE) {
      for (const name of ['from', 'to']) {
        const answer = await ask(gateway, `${path}?${name}=${encodeURIComponent(text)}`, { headers })
        t.match(answer, { status: 400, body: { errors: [{ pointer: `/${name}` }] } }, `${path} ${name} ${text}`)
      }
    }
  }
})

t.test('200 a time with an offset, which the response returns in UTC', async (t) => {
  const path = `/v1/platform/tenants/${world.globex.id}`
  const change = (trial_ends_at: string) =>
    ask(gateway, path, { method: 'PATCH', headers: operator, body: { trial_ends_at } })
  t.match(await change('2099-01-01T01:30:00+01:30'), { body: { trial_ends_at: '2099-01-01T00:00:00.000Z' } })
  t.match(await change('2099-01-01t00:00:00.1239z'), { body: { trial_ends_at: '2099-01-01T00:00:00.124Z' } })
})
