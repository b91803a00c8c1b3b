import { ALL_SCOPES } from '../../../src/contract/scopes.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, type Person } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const path = `/v1/tenants/${acme.id}/roles`

interface Wish {
  readonly method?: string
  readonly body?: unknown
  readonly match?: string
  readonly person?: Person
}
const roles = async (suffix = '', { method, body, match, person = 'owner' }: Wish = {}) => {
  const if_match = match === undefined ? undefined : { 'if-match': match }
  return ask(gateway, path + suffix, { method, headers: { ...(await world.bearer(person)), ...if_match }, body })
}
const make = async (name: string, scopes: string[]) => {
  const { status, body, text, headers } = await roles('', { body: { name, scopes } })
  if (status !== 201) throw new Error(text)
  return { id: body.id as string, etag: headers.get('etag') as string }
}
const give = async (user_id: string, names: string[]) => {
  const url = `/v1/tenants/${acme.id}/members/${user_id}`
  const headers = await world.bearer('owner')
  const answer = await ask(gateway, url, { method: 'PATCH', headers, body: { roles: names } })
  if (answer.status !== 200) throw new Error(answer.text)
}
/** Returns the current scopes of a person in Acme, as the data plane has them. */
const scopesOf = async (person: Person): Promise<string[]> => {
  const { body } = await ask(gateway, '/v1/access', { headers: await world.as(person) })
  return body.scopes.map(({ scope }: { scope: string }) => scope).sort()
}
const systemRoles = async () => (await roles()).body.data.filter((role: { is_system: boolean }) => role.is_system)

t.test('201 200 204 a custom role is created, changed, assigned and deleted, in force at once', async (t) => {
  const made = await roles('', { body: { name: 'Billing clerk', scopes: ['analytics:view'] } })
  t.match(made, {
    status: 201,
    body: { name: 'Billing clerk', is_system: false, scopes: ['analytics:view'], version: 1 },
  })
  const { id } = made.body
  const shown = await roles(`/${id}`)
  t.match(shown, { status: 200, body: made.body })
  t.equal(shown.headers.get('etag'), '"1"')
  await give(ids.agent, ['Billing clerk'])
  t.strictSame(await scopesOf('agent'), ['analytics:view'])
  const changed = await roles(`/${id}`, {
    method: 'PATCH',
    match: '"1"',
    body: { scopes: ['audit:view', 'keys:manage'] },
  })
  t.match(changed, { status: 200, body: { name: 'Billing clerk', scopes: ['audit:view', 'keys:manage'], version: 2 } })
  t.equal(changed.headers.get('etag'), '"2"')
  t.strictSame(await scopesOf('agent'), ['audit:view', 'keys:manage'], 'at the next request')
  const renamed = await roles(`/${id}`, { method: 'PATCH', match: '"2"', body: { name: 'Auditor' } })
  t.match(renamed.body, { name: 'Auditor', scopes: ['audit:view', 'keys:manage'], version: 3 })
  t.match((await roles()).body.data.at(-1), { id, name: 'Auditor' }, 'listed after the system roles')
  t.equal((await roles(`/${id}`, { method: 'DELETE', match: '"3"' })).status, 204)
  t.strictSame(await scopesOf('agent'), [], 'the deleted role is removed from every member')
  t.equal((await roles(`/${id}`)).status, 404)
  t.equal((await roles(`/${id}`, { method: 'DELETE', match: '"3"' })).status, 404)
  await give(ids.agent, ['Agent'])
  t.strictSame(
    (await gateway.sql(`select action from audit_events where target_id = '${id}' order by seq`)).map((e) => e.action),
    ['role.created', 'role.updated', 'role.updated', 'role.deleted'],
  )
})

// Two admins must not overwrite each other's changes, because a role affects many users.
t.test('428 a change without If-Match, and 412 a change with another version', async (t) => {
  const { id } = await make('Versioned', ['agents:view'])
  const body = { scopes: ['agents:edit'] }
  for (const method of ['PATCH', 'DELETE']) {
    const wish = { method, body: method === 'PATCH' ? body : undefined }
    t.match(await roles(`/${id}`, wish), { status: 428, body: { code: 'precondition_required' } }, method)
    for (const match of ['"2"', 'W/"1"', '1', '"01"', '', '"1', '"x"']) {
      const answer = await roles(`/${id}`, { ...wish, match })
      t.match(answer, { status: 412, body: { code: 'precondition_failed' } }, `${method} ${match}`)
    }
  }
  t.match((await roles(`/${id}`)).body, { version: 1, scopes: ['agents:view'] }, 'the role is unchanged')
  const tries = await Promise.all(
    Array.from({ length: 10 }, () => roles(`/${id}`, { method: 'PATCH', match: '"1"', body })),
  )
  t.strictSame(tries.map(({ status }) => status).sort(), [200, ...Array(9).fill(412)], 'one of ten succeeds')
  t.equal((await roles(`/${id}`, { method: 'DELETE', match: '"7", "2"' })).status, 204)
})

// Attack: widens or empties a system role, on which every tenant relies.
t.test('409 a system role cannot be changed or deleted', async (t) => {
  const before = await systemRoles()
  t.equal(before.length, 5)
  for (const { id } of before) {
    for (const dry of ['', '?dry_run=true']) {
      const patched = await roles(`/${id}${dry}`, { method: 'PATCH', match: '*', body: { scopes: ['users:manage'] } })
      t.match(patched, { status: 409, body: { code: 'system_role' } })
      t.match(await roles(`/${id}${dry}`, { method: 'DELETE', match: '*' }), {
        status: 409,
        body: { code: 'system_role' },
      })
    }
  }
  t.strictSame(await systemRoles(), before)
  const scopes_of = Object.fromEntries(
    before.map((role: { name: string; scopes: string[] }) => [role.name, role.scopes]),
  )
  t.strictSame(scopes_of.Owner, ALL_SCOPES)
})

// Attack: creates a role with a name that resembles `Owner`, or that breaks the display of names.
t.test('400 a name that resembles another, or that is invisible, is refused', async (t) => {
  const refused = {
    'trailing space': 'Owner ',
    'leading space': ' Owner',
    'no-break space': 'Owner\u00a0x',
    'two spaces': 'Own  er',
    fullwidth: '\uff2f\uff57\uff4e\uff45\uff52',
    'mathematical letters': '\u{1d40e}wner',
    ligature: 'O\ufb03ce',
    'percent-encoded': 'ow%6Eer',
    proto: '__proto__',
    'Cyrillic in Latin': '\u041ewner',
    'Greek in Latin': '\u039fwner',
    'zero width space': 'Ow\u200bner',
    'zero width joiner': 'Ow\u200dner',
    'soft hyphen': 'Ow\u00adner',
    'byte order mark': '\ufeffOwner',
    'right-to-left override': '\u202erenwO',
    'right-to-left mark': 'Owner\u200f',
    'variation selector': 'Owner\ufe0f',
    'Mongolian vowel separator': 'Ow\u180ener',
    'Hangul filler': '\u3164',
    'Hangul filler that stays one': 'Ow\u1160ner',
    'grapheme joiner': 'Ow\u034fner',
    'only a mark': '\u0301',
    'three hundred': 'x'.repeat(300),
    sixty_one: 'x'.repeat(61),
    empty: '',
    space: ' ',
    emoji: '🦊',
    'emoji inside': 'Team 🦊',
    tab: 'a\tb',
    newline: 'a\nb',
    slash: 'a/b',
    markup: '<b>x</b>',
    comma: 'a,b',
    decomposed: 'Zoe\u0308',
  }
  const { id } = await make('To be renamed', [])
  for (const [what, name] of Object.entries(refused)) {
    const made = await roles('', { body: { name, scopes: [] } })
    t.match(made, { status: 400, body: { errors: [{ pointer: '/name' }] } }, what)
    const renamed = await roles(`/${id}`, { method: 'PATCH', match: '*', body: { name } })
    t.match(renamed, { status: 400, body: { errors: [{ pointer: '/name' }] } }, `${what}, by a change`)
    const dry = await roles(`/${id}?dry_run=true`, { method: 'PATCH', body: { name } })
    t.match(dry, { status: 400, body: { errors: [{ pointer: '/name' }] } }, `${what}, in a dry run`)
  }
  for (const name of ['a\u0000b', 'a\ud800b']) {
    t.match(await roles('', { body: { name, scopes: [] } }), { status: 400, body: { errors: [{ pointer: '/name' }] } })
  }
  for (const name of ['Owner', 'OWNER', 'owner', 'Support lead']) {
    const answer = await roles('', { body: { name, scopes: [] } })
    t.match(answer, { status: 409, body: { code: 'already_exists', conflicting_field: 'name' } }, name)
    t.equal((await roles(`/${id}`, { method: 'PATCH', match: '*', body: { name } })).status, 409, name)
  }
  for (const name of [
    'Владелец',
    'Zoë’s'.replace('’', "'"),
    'مشرف',
    '店長',
    'Tier-2 (night)',
    'constructor',
    'x'.repeat(60),
  ]) {
    t.equal((await roles('', { body: { name, scopes: [] } })).status, 201, name)
  }
})

// Attack: writes a scope of the platform, or one that does not exist yet, into a role.
t.test('400 an unknown scope, or one of the platform, is refused with a pointer', async (t) => {
  const { id } = await make('Scopes', [])
  const wrong = ['platform:tenants:manage', 'Customers:edit', 'customers:*', '*', 'customers:edit ', '', 'constructor']
  for (const scope of wrong) {
    for (const answer of [
      await roles('', { body: { name: 'Wrong', scopes: ['agents:view', scope] } }),
      await roles(`/${id}`, { method: 'PATCH', match: '*', body: { scopes: ['agents:view', scope] } }),
    ]) {
      t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer: '/scopes/1' }] } }, scope)
    }
  }
  for (const body of [
    {},
    { name: 'x' },
    { scopes: [] },
    { name: 'x', scopes: 'agents:view' },
    { name: 'x', scopes: ['agents:view', 'agents:view'] },
    { name: 'x', scopes: [], system_role: 'owner' },
    { name: 'x', scopes: [], id },
  ]) {
    t.equal((await roles('', { body })).status, 400, JSON.stringify(body))
  }
  t.equal((await roles(`/${id}`, { method: 'PATCH', match: '*', body: {} })).status, 400, 'an empty change')
  t.equal((await roles(`/${id}?dry_run=yes`, { method: 'DELETE' })).status, 400)
  t.equal((await roles(`/${id}?dryrun=true`, { method: 'DELETE' })).status, 400, 'a misspelled dry_run deletes nothing')
  t.match(await roles(`/${id}`), { status: 200, body: { scopes: [], version: 1 } })
})

t.test('404 a role of another tenant gets the response of an unknown id', async (t) => {
  const [foreign] = (
    await ask(gateway, `/v1/tenants/${globex.id}/roles`, { headers: await world.bearer('other_owner') })
  ).body.data
  for (const [method, suffix] of [
    ['GET', ''],
    ['PATCH', ''],
    ['DELETE', ''],
    ['PATCH', '?dry_run=true'],
    ['DELETE', '?dry_run=true'],
  ] as const) {
    const body = method === 'PATCH' ? { scopes: [] } : undefined
    const answer = await roles(`/${foreign.id}${suffix}`, { method, match: '*', body })
    t.match(answer, { status: 404, body: { code: 'not_found' } }, `${method}${suffix}`)
  }
})

// Attack: a manager of members writes a role with more scopes than their own, and assigns it to themselves.
t.test('403 a member cannot add a scope to a role that they do not have', async (t) => {
  const { id } = await make('Keeper', ['audit:view', 'agents:view'])
  await give(ids.lead, ['Support Lead'])
  await gateway.sql(
    `insert into overrides values ('${acme.id}', '${ids.lead}', 'users:manage', 'grant', 'test', now())`,
  )
  const refused = { status: 403, body: { code: 'privilege_escalation', exceeding_scopes: ['keys:manage'] } }
  const person = 'lead'
  t.match(await roles('', { person, body: { name: 'Mine', scopes: ['agents:view', 'keys:manage'] } }), refused)
  const body = { scopes: ['audit:view', 'keys:manage', 'agents:view'] }
  t.match(await roles(`/${id}`, { person, method: 'PATCH', match: '*', body }), refused, 'audit:view is not new')
  t.match(await roles(`/${id}?dry_run=true`, { person, method: 'PATCH', body }), refused, 'a dry run too')
  const kept = { scopes: ['audit:view', 'customers:edit'] }
  t.match(await roles(`/${id}`, { person, method: 'PATCH', match: '*', body: kept }), { status: 200, body: kept })
  const [member_only] = ['agent'] as const
  t.match(await roles('', { person: member_only, body: { name: 'Mine', scopes: [] } }), {
    status: 403,
    body: { missing: ['users:manage'] },
  })
})

t.test('409 a tenant has at most 100 roles, also with concurrent requests', async (t) => {
  const headers = await world.bearer('other_owner')
  const create = (name: string) =>
    ask(gateway, `/v1/tenants/${globex.id}/roles`, { headers, body: { name, scopes: [] } })
  await gateway.sql(`insert into roles (tenant_id, id, name, scopes, created_at)
    select '${globex.id}', gen_random_uuid(), 'Filler ' || n, '{}', now() from generate_series(1, 92) n`)
  const answers = await Promise.all(Array.from({ length: 8 }, (_, number) => create(`More ${number}`)))
  t.equal(answers.filter(({ status }) => status === 201).length, 3)
  t.equal(answers.filter(({ body }) => body.code === 'limit_reached').length, 5)
})
