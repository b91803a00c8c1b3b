import { type Static, Type } from 'typebox'
import type { TenantRow } from '../../kernel/identity/tenants-table.js'
import { Name, Nullable, Origin, strictObject } from '../../kernel/rest/schemas.js'

/** An origin of any scheme: apps have origins such as `capacitor://localhost`. `checkOrigins` checks the rest. */
const PageOrigin = Type.String({ ...Origin, pattern: '^[a-z][a-z0-9+.-]*://[^/?#@*\\s]+$' })

export const NewTenant = strictObject({
  name: Name,
  allowed_origins: Type.Optional(
    Type.Array(PageOrigin, {
      maxItems: 50,
      uniqueItems: true,
      description: 'The exact origins of pages and apps, such as https://app.example.com or capacitor://localhost.',
    }),
  ),
})

export const TenantChange = strictObject(
  {
    name: Type.Optional(Name),
    allowed_origins: Type.Optional(Type.Array(PageOrigin, { maxItems: 50, uniqueItems: true })),
  },
  { minProperties: 1 },
)

export const Tenant = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    allowed_origins: Type.Array(Type.String()),
    requests_per_minute: Nullable(Type.Integer({ description: 'The budget of the plan. null means BUDGET_TENANT.' })),
    created_at: Type.String(),
  },
  { $id: 'Tenant' },
)

export const CreatedTenant = Type.Object({
  tenant: Type.Object({ ...Tenant.properties }),
  key: Type.String({ description: 'The first key of the tenant. Only this response contains it.' }),
})

/** What its members see of a tenant. */
export function toResponse({
  id,
  name,
  allowed_origins,
  requests_per_minute,
  created_at,
}: TenantRow): Static<typeof Tenant> {
  return { id, name, allowed_origins, requests_per_minute, created_at }
}
