import { createTenantKey } from '../credentials/tenant-key.js'
import { actingUser } from '../store/audit-record.js'
import type { WriteScope } from '../store/unit-of-work.js'
import { type TenantKeyRow, tenant_keys } from './keys-table.js'

export interface CreateKeyInput {
  readonly name: string
  readonly scopes: readonly string[]
  readonly expires_at?: string
  readonly allowed_cidrs?: readonly string[]
  readonly requests_per_minute?: number
}

export type KeyRecord = Omit<TenantKeyRow, 'tenant_id' | 'secret_digest' | 'previous_digest'>

/**
 * Inserts a key of a tenant. The caller records the change: a key that a member creates is a change of its own, and the
 * first key is a part of the creation of its tenant.
 *
 * @returns what may be shown of the key, and the key itself, which is not kept
 */
export async function insertKey(
  scope: WriteScope,
  tenant_id: string,
  input: CreateKeyInput,
): Promise<{ record: KeyRecord; key: string }> {
  const made = createTenantKey()
  const [row] = await scope.queries
    .insert(tenant_keys)
    .values({
      tenant_id,
      id: made.id,
      name: input.name,
      scopes: [...input.scopes],
      secret_digest: made.secret_digest,
      secret_last_four: made.secret_last_four,
      secret_created_at: scope.now,
      allowed_cidrs: input.allowed_cidrs === undefined ? null : [...input.allowed_cidrs],
      requests_per_minute: input.requests_per_minute ?? null,
      expires_at: input.expires_at ?? null,
      created_by: actingUser(scope.actor),
      created_at: scope.now,
    })
    .returning()
  return { record: keyRecord(row as TenantKeyRow), key: made.key }
}

/** What may be shown of a key: all but its digests. */
export function keyRecord({
  tenant_id: _tenant_id,
  secret_digest: _secret_digest,
  previous_digest: _previous_digest,
  ...record
}: TenantKeyRow): KeyRecord {
  return record
}
