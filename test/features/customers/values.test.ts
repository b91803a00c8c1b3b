import fc from 'fast-check'
import type { Test } from 'tap'
import { startGateway } from '../../helpers/gateway.js'
import { ask, askRaw } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const headers = await world.as('agent')
const create = (body: unknown) => ask(gateway, '/v1/customers', { headers, body })
const lines = [...Object.entries(headers).flat(), 'content-type', 'application/json']
const createRaw = (body: string) => askRaw(gateway, '/v1/customers', { method: 'POST', lines, body })
const isRefused = async (t: Test, wish: Record<string, unknown>, pointer: string) => {
  const answer = await create({ name: 'Refused', ...wish })
  t.match(answer, { status: 400, body: { code: 'validation_failed' } }, JSON.stringify(wish).slice(0, 80))
  const [error] = answer.body?.errors ?? []
  t.ok(String(error?.pointer).startsWith(pointer), `${pointer} in ${answer.text.slice(0, 300)}`)
}

t.test('201 400 a phone number is stored as E.164, and only if it can exist', async (t) => {
  for (const phone of ['+4915112345678', '+12025550123', '+442079460958', '+8801712345678', '+390612345678']) {
    t.match(await create({ name: 'Phone', phone }), { status: 201, body: { phone } }, phone)
  }
  const wrong = [
    '015112345678',
    '+49 151 12345678',
    '+49-151-12345678',
    '4915112345678',
    '+0123456789',
    '+1202555012',
    '+999123456789',
  ]
  const odd = [
    '+',
    '',
    '+49',
    `+${'1'.repeat(16)}`,
    '+4915112345678;ext=1',
    ' +4915112345679',
    '+4915112345679\n',
    '＋4915112345679',
    '+４９15112345679',
    'tel:+4915112345679',
  ]
  for (const phone of [...wrong, ...odd]) await isRefused(t, { phone }, '/phone')
  for (const phone of [4915112345678, true, {}, []]) await isRefused(t, { phone }, '/phone')
})

t.test('201 a name can have emoji, right-to-left text, combining marks and 200 characters', async (t) => {
  const names = [
    '👩‍👩‍👧‍👦 Family',
    'محمد بن سلمان',
    'שָׁלוֹם',
    'Zoë',
    'Zoë',
    '李小龍',
    'D\'Angelo "The" <b>Smith</b>',
    'a',
    '   spaced   ',
    'x'.repeat(200),
    '𝒜'.repeat(100),
    '__proto__',
    'null',
    '%s%n',
  ]
  for (const name of names) {
    const created = await create({ name })
    t.match(created, { status: 201 }, `${name} ${created.text.slice(0, 200)}`)
    const read = await ask(gateway, `/v1/customers/${created.body.id}`, { headers })
    t.equal(read.body.name, name, 'unchanged')
  }
})

// Attack: sends text that breaks logs, terminals or the database.
t.test('400 a name that is empty, blank or too long, or has control characters, NUL or lone surrogates', async (t) => {
  for (const name of ['', ' ', '\t', '   ', 'x'.repeat(300), 'a\nb', 'a\u0007', '\u007f', 1, null, [], {}])
    await isRefused(t, { name }, '/name')
  for (const text of ['a\\u0000b', '\\ud800', '\\udc00\\ud800']) {
    const answer = await createRaw(`{"name":"${text}"}`)
    t.match(answer, { status: 400, body: { code: 'validation_failed', errors: [{ pointer: '/name' }] } }, text)
    const nested = await createRaw(`{"name":"ok","metadata":{"a":["${text}"]}}`)
    const errors = [{ pointer: '/metadata/a/0' }]
    t.match(nested, { status: 400, body: { code: 'validation_failed', errors } }, `${text} in metadata`)
  }
  t.equal((await createRaw('{"name":"a\u0000b"}')).status, 400)
})

t.test('201 any other name is returned exactly as it was sent', async (t) => {
  const isName = (text: string) => text.trim() !== '' && text.isWellFormed() && !/\p{Cc}/u.test(text)
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter(isName), async (name) => {
      const answer = await create({ name })
      if (answer.status !== 201 || answer.body.name !== name) throw new Error(`${JSON.stringify(name)}: ${answer.text}`)
    }),
    { numRuns: 40 },
  )
  t.pass()
})

t.test('400 an invalid email, tag or external id', async (t) => {
  for (const email of ['x', 'a@', '@b.example', 'a b@c.example', `${'a'.repeat(250)}@b.example`, 'a@b\n', '', 5]) {
    await isRefused(t, { email }, '/email')
  }
  for (const external_id of ['', '  ', 'x'.repeat(201), 'a\u0001', 7])
    await isRefused(t, { external_id }, '/external_id')
  for (const tags of [
    [''],
    ['x'.repeat(51)],
    ['a', 'a'],
    Array.from({ length: 51 }, (_, n) => `t${n}`),
    [1],
    'a',
    {},
  ]) {
    await isRefused(t, { tags }, '/tags')
  }
  t.equal((await create({ name: 'Tags', tags: Array.from({ length: 50 }, (_, n) => `t${n}`) })).status, 201)
})

// Attack: stores documents in metadata, or JSON so deep that it breaks its readers.
t.test('201 400 metadata have at most 50 properties, 16 KiB and 32 levels', async (t) => {
  const properties = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n]))
  t.equal((await create({ name: 'Fifty', metadata: properties(50) })).status, 201)
  await isRefused(t, { metadata: properties(51) }, '/metadata')
  const filled = (bytes: number) => ({ text: 'ä'.repeat((bytes - '{"text":""}'.length) / 2) })
  t.equal((await create({ name: 'Full', metadata: filled(16_383) })).status, 201)
  await isRefused(t, { metadata: filled(16_385) }, '/metadata')
  const nested = (levels: number) => `{"name":"Deep","metadata":{"a":${'['.repeat(levels)}${']'.repeat(levels)}}}`
  t.equal((await createRaw(nested(30))).status, 201)
  t.match(await createRaw(nested(31)), { status: 400, body: { code: 'malformed_json' } })
  for (const metadata of [[], 'x', 1, null, true]) await isRefused(t, { metadata }, '/metadata')
})

// Attack: prototype pollution, and duplicate names that two parsers read differently.
t.test('400 __proto__, duplicate names, and numbers that a double cannot represent', async (t) => {
  const wrong = [
    '{"a":1,"a":2}',
    '{"__proto__":{"admin":true}}',
    '{"a":{"constructor":{"prototype":{}}}}',
    '{"a":1e400}',
    '{"a":9007199254740993}',
  ]
  for (const metadata of wrong) {
    const answer = await createRaw(`{"name":"Odd","metadata":${metadata}}`)
    t.match(answer, { status: 400, body: { code: 'malformed_json' } }, metadata)
  }
  const kept = { a: 9007199254740991, b: -0.5, c: 1e21 * 0 + 1.5, d: '9007199254740993', e: { constructor: 'me' } }
  const created = await create({ name: 'Kept', metadata: kept })
  t.same(created.body?.metadata, kept, created.text)
})
