import { type Static, Type } from 'typebox'
import type { TenantRow } from '../../kernel/identity/tenants-table.js'
import { closed, Email, Instant, Name, Nullable, Uuid } from '../../kernel/rest/schemas.js'
import { NewTenant } from '../tenants/schema.js'

export const NewPlatformTenant = closed(
  {
    ...NewTenant.properties,
    owner_email: Type.Optional(Email),
    owner_id: Type.Optional(Uuid),
    requests_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
    trial_ends_at: Type.Optional(Instant),
  },
  {
    oneOf: [{ required: ['owner_email'] }, { required: ['owner_id'] }],
    description: 'Its first Owner is an existing user.',
  },
)

export const Suspension = closed({
  reason: Type.String({ minLength: 1, maxLength: 500 }),
  until: Type.Optional(Instant),
})

export const PlatformTenant = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    allowed_origins: Type.Array(Type.String()),
    plan: Type.String(),
    requests_per_minute: Nullable(Type.Integer()),
    trial_ends_at: Nullable(Type.String()),
    suspended_at: Nullable(Type.String()),
    suspended_until: Nullable(Type.String()),
    suspension_reason: Nullable(Type.String()),
    created_at: Type.String(),
  },
  { $id: 'PlatformTenant' },
)

/** What operators see of a tenant: all of its row. */
export function shownPlatformTenant({ deleted_at: _deleted_at, ...tenant }: TenantRow): Static<typeof PlatformTenant> {
  return tenant
}

export const NewUser = closed({ email: Email, name: Name, password: Type.String({ minLength: 1, maxLength: 512 }) })

export const User = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    name: Type.String(),
    email_verified_at: Nullable(Type.String()),
    disabled_at: Nullable(Type.String()),
    created_at: Type.String(),
  },
  { $id: 'User' },
)
