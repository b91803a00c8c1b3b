import { type Static, Type } from 'typebox'
import type { TenantRow } from '../../kernel/identity/tenants-table.js'
import { matching, Name, Nullable, strictObject } from '../../kernel/rest/schemas.js'

/** An origin of any scheme: apps have origins such as `capacitor://localhost`. `checkOrigins` checks the rest. */
const PageOrigin = Type.String({
  ...matching(
    '^[a-z][a-z0-9+.-]*://[^/?#@*\\s]+$',
    'must be an origin such as https://app.example.com, without a path and without *',
  ),
  maxLength: 300,
})

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

const RETENTION_DAYS_MAX = 3_650

/** Null keeps the data for ever. */
const Days = (what: string) =>
  Nullable(
    Type.Integer({ minimum: 1, maximum: RETENTION_DAYS_MAX, description: `${what}. null: they are never deleted.` }),
  )

const retention = {
  messages_days: Days('The age in days at which messages are deleted, with the reports about them'),
  data_audit_days: Days('The age in days at which audit events of the data plane are erased'),
  usage_days: Days('The age in days at which usage counters are deleted'),
}

const RetentionChange = strictObject(
  {
    messages_days: Type.Optional(retention.messages_days),
    data_audit_days: Type.Optional(retention.data_audit_days),
    usage_days: Type.Optional(retention.usage_days),
  },
  { minProperties: 1, description: 'What is not named keeps its value. The deletion cannot be undone.' },
)

export const TenantChange = strictObject(
  {
    name: Type.Optional(Name),
    allowed_origins: Type.Optional(Type.Array(PageOrigin, { maxItems: 50, uniqueItems: true })),
    retention: Type.Optional(RetentionChange),
  },
  { minProperties: 1 },
)

export const Tenant = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    allowed_origins: Type.Array(Type.String()),
    requests_per_minute: Nullable(Type.Integer({ description: 'The budget of the plan. null means BUDGET_TENANT.' })),
    retention: Type.Object({
      ...retention,
      starts_at: Nullable(
        Type.String({
          description:
            'Before this time nothing is deleted. A change that makes a retention shorter sets it to 24 hours later.',
        }),
      ),
    }),
    created_at: Type.String(),
  },
  { $id: 'Tenant' },
)

export const CreatedTenant = Type.Object({
  tenant: Type.Object({ ...Tenant.properties }),
  key: Type.String({ description: 'The first key of the tenant. Only this response contains it.' }),
})

/** What its members see of a tenant. */
export function toResponse(row: TenantRow): Static<typeof Tenant> {
  const { id, name, allowed_origins, requests_per_minute, created_at } = row
  const retention = { ...retentionOf(row), starts_at: row.retention_from }
  return { id, name, allowed_origins, requests_per_minute, retention, created_at }
}

/** The settings of the retention, by the names of the API. */
export function retentionOf(row: TenantRow) {
  return {
    messages_days: row.retention_messages_days,
    data_audit_days: row.retention_data_audit_days,
    usage_days: row.retention_usage_days,
  }
}
