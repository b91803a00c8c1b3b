import { type Static, Type } from 'typebox'
import { PageQuery } from '../../kernel/rest/pagination.js'
import { Email, Line, Name, Nullable, strictObject, Uuid } from '../../kernel/rest/schemas.js'
import type { CustomerRecord } from './table.js'

export const CustomerParams = strictObject({ id: Uuid })

const METADATA_PROPERTIES_MAX = 50

const Phone = Type.String({ maxLength: 20, description: 'E.164: + and up to 15 digits, such as +4915112345678.' })
const ExternalId = Line(200)
const Tag = Line(50)
const Metadata = Type.Unsafe<Record<string, unknown>>(
  Type.Object(
    {},
    {
      additionalProperties: true,
      maxProperties: METADATA_PROPERTIES_MAX,
      description: `Up to ${METADATA_PROPERTIES_MAX} properties and 16 KiB of JSON.`,
    },
  ),
)

const fields = {
  email: Type.Optional(Nullable(Email)),
  phone: Type.Optional(Nullable(Phone)),
  external_id: Type.Optional(Nullable(ExternalId)),
  tags: Type.Optional(Type.Array(Tag, { maxItems: 50, uniqueItems: true })),
  metadata: Type.Optional(Metadata),
}

export const NewCustomer = strictObject({ name: Name, ...fields })
export const CustomerChange = strictObject({ name: Type.Optional(Name), ...fields }, { minProperties: 1 })

export const Customer = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    email: Nullable(Type.String()),
    phone: Nullable(Type.String()),
    external_id: Nullable(Type.String({ description: "The tenant's own id for this customer." })),
    tags: Type.Array(Type.String()),
    metadata: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })),
    version: Type.Integer({ description: 'The number of the version. The ETag is this number in quotes.' }),
    created_at: Type.String(),
    updated_at: Type.String(),
  },
  { $id: 'Customer' },
)

export const CustomerQuery = {
  ...PageQuery,
  search: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 100,
      description: 'Text that name, email, phone or external_id contains, ignoring case.',
    }),
  ),
  tag: Type.Optional(Type.String({ minLength: 1, maxLength: 50, description: 'Customers with exactly this tag.' })),
}

/** Returns a customer without the columns that no response has. */
export function toResponse(record: CustomerRecord): Static<typeof Customer> {
  const { id, name, email, phone, external_id, tags, metadata, version, created_at, updated_at } = record
  return { id, name, email, phone, external_id, tags, metadata, version, created_at, updated_at }
}
