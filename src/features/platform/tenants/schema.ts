import { type Static, Type } from 'typebox'
import type { TenantRow } from '../../../kernel/identity/tenants-table.js'
import {
  Email,
  Instant,
  Name,
  Nullable,
  OptionalReason,
  strictObject,
  Text,
  Uuid,
} from '../../../kernel/rest/schemas.js'
import { NewTenant } from '../../tenants/schema.js'

export const TenantIdParams = strictObject({ id: Uuid })

export const NewPlatformTenant = strictObject(
  {
    ...NewTenant.properties,
    owner_email: Type.Optional(Email),
    owner_id: Type.Optional(Uuid),
    requests_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 10_000_000 })),
    trial_ends_at: Type.Optional(Instant),
  },
  {
    oneOf: [{ required: ['owner_email'] }, { required: ['owner_id'] }],
    description: 'An existing user, who becomes the first Owner by accepting the membership.',
  },
)

export const PlanChange = strictObject(
  {
    plan: Type.Optional(Name),
    requests_per_minute: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 10_000_000 }))),
    trial_ends_at: Type.Optional(Nullable(Instant)),
  },
  { minProperties: 1 },
)

export const Suspension = strictObject({
  reason: Text(
    500,
    'Why the tenant is suspended. Operators see it, and the tenant reads it: its members in their 403 and in its audit, and its keys that hold scopes.',
  ),
  until: Type.Optional(Instant),
})

export const LockdownReason = OptionalReason('Why the tenant is locked down. The audit keeps it.')

/** How much a lockdown ended. */
export const Lockdown = Type.Object({
  keys_revoked: Type.Integer(),
  sessions_ended: Type.Integer(),
  invitations_revoked: Type.Integer(),
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
export function toResponse({ deleted_at: _deleted_at, ...tenant }: TenantRow): Static<typeof PlatformTenant> {
  return tenant
}
