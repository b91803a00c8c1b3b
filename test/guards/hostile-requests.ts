import fc from 'fast-check'
import { SCOPES } from '../../src/contract/scopes.js'

/** The parts of a schema of the contract that generate values. */
export interface ValueSchema {
  readonly type?: string
  readonly format?: string
  readonly pattern?: string
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly ValueSchema[]
  readonly properties?: Readonly<Record<string, ValueSchema>>
  readonly required?: readonly string[]
  readonly items?: ValueSchema
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
}

export interface FuzzedOperation {
  readonly operation_id: string
  readonly method: string
  /** The path of the contract, such as `/v1/customers/{id}`. */
  readonly path: string
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: ValueSchema }[]
  readonly body: ValueSchema | undefined
  /** Whether the body is a form, and not JSON. */
  readonly is_form: boolean
}

/** A request with some values replaced. What is not replaced comes from the example of the operation. */
export interface HostileRequest {
  readonly operation: FuzzedOperation
  /** By name; percent-encoded. */
  readonly path: Readonly<Record<string, string | undefined>>
  /** By name; percent-encoded. */
  readonly query: Readonly<Record<string, string | undefined>>
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: { readonly kind: 'example' } | { readonly kind: 'members' | 'whole'; readonly value: unknown }
}

/** Texts on which parsers, PostgreSQL and JavaScript differ. */
const TEXTS = [
  ...['', ' ', '\t', '\u0000', 'a\u0000b', '\u200b', '\u202e', '\uffff', '🦊', 'e\u0301', 'İ', 'ß'],
  ...['0', '-0', '-1', '1e309', '9'.repeat(20), '9007199254740993', '2147483648', 'NaN', 'Infinity', '0x10', '٣'],
  ...['null', 'true', '[]', '{}', '__proto__', 'constructor', 'toString', 'none', '*'],
  ...[
    "'",
    "' or 1=1--",
    '%',
    '_',
    '\\',
    '%_\\',
    '$1',
    '../..',
    '..',
    '.',
    '/',
    '//',
    ';',
    '?',
    '#',
    '&a=b',
    'a\r\nb: c',
  ],
  ...['00000000-0000-0000-0000-000000000000', 'urn:uuid:019a0000-0000-7000-8000-000000000000', '{019a}'],
  ...['019A0000-0000-7000-8000-000000000000', '019a0000-0000-7000-8000-00000000000g'],
  ...['0000-01-01T00:00:00Z', '-infinity', 'now', '2026-02-30T00:00:00Z', '2026-01-01', '10.0.0.0/33', '::/0'],
  ...['a@b', 'a@b.example\n', `${'x'.repeat(250)}@b.example`, 'x'.repeat(201), 'x'.repeat(5_000), 'agents:view'],
]

/** Points in time at the edges of the calendar, which a schema accepts or nearly accepts. */
const INSTANTS = [
  ...['0001-01-01T00:00:00Z', '0001-01-02T00:00:00+14:00', '0001-02-01T00:00:00Z', '1969-12-31T23:59:59.999999999Z'],
  ...['9999-12-31T23:59:59.999Z', '9999-12-31T00:00:00-14:00', '9999-01-01T00:00:00Z', '2026-11-30T00:00:00z'],
  ...['2024-02-29t12:00:00+05:30', '2027-01-01T00:00:00.1Z', '4713-01-01T00:00:00Z'],
]

/** Bytes that no text can be encoded to: invalid UTF-8, and encodings of other encodings. */
const ENCODED = [
  '%00',
  '%FF',
  '%ED%A0%80',
  '%C0%AF',
  '%2e%2e',
  '%2F',
  '%5C',
  '%25%30%30',
  '%F0%9F%A6%8A',
  '+',
  '%E2%80%AE',
]

const text = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(...INSTANTS),
  fc.string({ unit: 'binary', maxLength: 20 }),
)
const encoded = fc.oneof(
  { weight: 3, arbitrary: text.map((each) => encodeURIComponent(each.toWellFormed())) },
  { weight: 1, arbitrary: fc.constantFrom(...ENCODED) },
)
const json: fc.Arbitrary<unknown> = fc.oneof(
  text,
  fc.constantFrom('\ud800', 'a\udc00', '\ud800\u0000'),
  fc.constantFrom<unknown>(null, true, [], {}, 0, -0, -1, 0.5, 2 ** 31, 2 ** 53, 1e-7, 5e-324, [null], [[]], { a: 1 }),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
  fc.constant(Array.from({ length: 30 }).reduce((inner: unknown) => [inner], [])),
)

/** Values of a schema, and a hostile value in the place of some of them. */
function valueFor(schema: ValueSchema, ids: readonly string[]): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 9, arbitrary: validOf(schema, ids) }, { weight: 1, arbitrary: json })
}

function validOf(schema: ValueSchema, ids: readonly string[]): fc.Arbitrary<unknown> {
  const { anyOf, type, format, pattern = '', minLength = 0, maxLength = 60, minimum = 0, maximum = 2 ** 31 } = schema
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (anyOf !== undefined) return fc.oneof(...anyOf.map((each) => validOf(each, ids)))
  if (format === 'uuid') return fc.constantFrom(...ids)
  if (format === 'date-time') return fc.constantFrom(...INSTANTS)
  if (format === 'email') return fc.constantFrom('owner@people.example', 'NEW@People.Example', "o'hara@x.example")
  if (format === 'scope') return fc.constantFrom(...Object.keys(SCOPES))
  if (pattern.startsWith('^https?'))
    return fc.constantFrom('https://a.example', 'http://x:1', 'https://[::1]', 'http://ß')
  switch (type) {
    case 'object':
      return objectOf(schema, ids)
    case 'array':
      return fc.array(valueFor(schema.items ?? {}, ids), { maxLength: 3 })
    case 'integer':
      return fc.oneof(fc.integer({ min: minimum, max: maximum }), fc.constantFrom(minimum, maximum))
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'string':
      return fc.oneof(
        fc.constantFrom('Agent', 'a', 'agents:view', '+4915112345678', '/v1/customers', '203.0.113.0/24'),
        fc.string({ unit: 'grapheme', minLength, maxLength: Math.min(maxLength, minLength + 20) }),
      )
    default:
      return json
  }
}

function objectOf({ properties = {}, required = [] }: ValueSchema, ids: readonly string[]): fc.Arbitrary<unknown> {
  if (Object.keys(properties).length === 0) return fc.dictionary(text, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
  const members = Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, valueFor(each, ids)]))
  return fc.record(members, { requiredKeys: required.filter((name) => name in members) as never[] })
}

/** Headers that are seldom replaced, because most of them make every other value of the request irrelevant. */
const HEADERS = [
  'authorization',
  'x-tenant-id',
  'x-tenant-api-key',
  'if-match',
  'idempotency-key',
  'accept',
  'user-agent',
]

/** Writes a value of a query: an array with commas between its values, as the contract says. */
function asText(value: unknown): string {
  if (Array.isArray(value)) return value.map(asText).join()
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** Generates requests of an operation: each of its parameters and members gets hostile values. */
export function hostileRequests(operation: FuzzedOperation, ids: readonly string[]): fc.Arbitrary<HostileRequest> {
  const named = (place: string) => operation.parameters.filter((each) => each.in === place)
  const seldom = (arbitrary: fc.Arbitrary<string>, weight: number): fc.Arbitrary<string | undefined> =>
    fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary })
  const path = Object.fromEntries(named('path').map(({ name }) => [name, seldom(encoded, 5)]))
  const query = Object.fromEntries(
    named('query').map(({ name, schema }) => {
      const valid = validOf(schema, ids).map((value) => encodeURIComponent(asText(value).toWellFormed()))
      const given = fc.oneof({ weight: 3, arbitrary: valid }, { weight: 2, arbitrary: encoded })
      return [name, seldom(name === 'wait' ? given.map(withoutWaiting) : given, 2)]
    }),
  )
  const header = text.map((each) => each.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, '\xff'))
  const headers = Object.fromEntries(HEADERS.map((name) => [name, seldom(header, 60)]))
  const { body } = operation
  const properties = Object.entries(body?.properties ?? {}).map(([name, each]) => [name, valueFor(each, ids)])
  const members = fc.record(Object.fromEntries(properties), { requiredKeys: [] })
  const example = fc.constant({ kind: 'example' as const })
  return fc.record({
    operation: fc.constant(operation),
    path: fc.record(path),
    query: fc.record(query),
    headers: fc.record(headers),
    body:
      body === undefined
        ? example
        : fc.oneof(
            { weight: 2, arbitrary: example },
            { weight: 4, arbitrary: members.map((value) => ({ kind: 'members' as const, value })) },
            { weight: 3, arbitrary: valueFor(body, ids).map((value) => ({ kind: 'whole' as const, value })) },
          ),
  })
}

/** A long poll would hold the test for as long as it waits. */
function withoutWaiting(value: string): string {
  return /^[0-9]+$/.test(value) ? '0' : value
}
