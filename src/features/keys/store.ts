import { and, count, desc, eq, isNull, lt } from 'drizzle-orm'
import { createTenantKey } from '../../kernel/credentials/tenant-key.js'
import { type TenantKeyRow, tenant_keys } from '../../kernel/identity/keys-table.js'
import { lockTenant } from '../../kernel/identity/lock-tenant.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'

/** Living keys of a tenant; a hundred integrations are many. */
const LIVING_KEYS_MAX = 200

export interface NewKey {
  readonly name: string
  readonly scopes: readonly string[]
  readonly expires_at?: string
  readonly allowed_cidrs?: readonly string[]
  readonly requests_per_minute?: number
}

export type KeyRecord = Omit<TenantKeyRow, 'tenant_id' | 'secret_digest' | 'previous_digest'>

export class KeysReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Keys of the tenant with their tombstones, by descending id. */
  async list(page: Page): Promise<Rows<KeyRecord>> {
    const after = page.after_id === undefined ? undefined : lt(tenant_keys.id, page.after_id)
    const rows = await this.scope.queries
      .select()
      .from(tenant_keys)
      .where(and(eq(tenant_keys.tenant_id, this.tenant_id), after))
      .orderBy(desc(tenant_keys.id))
      .limit(page.limit + 1)
    return pageOf(rows.map(keyRecord), page.limit)
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<KeyRecord> {
    const [row] = await this.scope.queries
      .select()
      .from(tenant_keys)
      .where(and(eq(tenant_keys.tenant_id, this.tenant_id), eq(tenant_keys.id, id)))
    if (row === undefined) throw new Problem('not_found')
    return keyRecord(row)
  }
}

export class KeysWriter extends KeysReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /** Makes a key. The written key is in the answer and nowhere else. */
  async create(wish: NewKey): Promise<{ record: KeyRecord; key: string }> {
    await lockTenant(this.scope, this.tenant_id)
    const [living] = await this.scope.queries
      .select({ count: count() })
      .from(tenant_keys)
      .where(and(eq(tenant_keys.tenant_id, this.tenant_id), isNull(tenant_keys.revoked_at)))
    if ((living?.count ?? 0) >= LIVING_KEYS_MAX) {
      throw new Problem('limit_reached', {
        detail: `A tenant can have ${LIVING_KEYS_MAX} living keys; revoke some first.`,
      })
    }
    return insertKey(this.scope, this.tenant_id, wish, (record) =>
      this.scope.changed({ kind: 'tenant_key', id: record.id, tenant_id: this.tenant_id, changes: { after: record } }),
    )
  }

  /** Ends a key for good; the next request that uses it is refused. Revoking twice is revoking once. */
  async revoke(id: string): Promise<void> {
    const is_this = and(eq(tenant_keys.tenant_id, this.tenant_id), eq(tenant_keys.id, id))
    const [revoked] = await this.scope.queries
      .update(tenant_keys)
      .set({ revoked_at: this.scope.now })
      .where(and(is_this, isNull(tenant_keys.revoked_at)))
      .returning({ id: tenant_keys.id, name: tenant_keys.name })
    if (revoked !== undefined) {
      this.scope.changed({ kind: 'tenant_key', id, tenant_id: this.tenant_id, changes: { revoked_at: this.scope.now } })
      return
    }
    const [tombstone] = await this.scope.queries.select({ id: tenant_keys.id }).from(tenant_keys).where(is_this)
    if (tombstone === undefined) throw new Problem('not_found')
    this.scope.unchanged()
  }
}

/** Inserts a key; shared by those who manage keys and by the making of a tenant, which hands out its first one. */
export async function insertKey(
  scope: WriteScope,
  tenant_id: string,
  wish: NewKey,
  announce: (record: KeyRecord) => void,
): Promise<{ record: KeyRecord; key: string }> {
  const made = createTenantKey()
  const [row] = await scope.queries
    .insert(tenant_keys)
    .values({
      tenant_id,
      id: made.id,
      name: wish.name,
      scopes: [...wish.scopes],
      secret_digest: made.secret_digest,
      secret_last_four: made.secret_last_four,
      secret_created_at: scope.now,
      allowed_cidrs: wish.allowed_cidrs === undefined ? null : [...wish.allowed_cidrs],
      requests_per_minute: wish.requests_per_minute ?? null,
      expires_at: wish.expires_at ?? null,
      created_by: scope.actor.kind === 'user' || scope.actor.kind === 'operator' ? scope.actor.id : null,
      created_at: scope.now,
    })
    .returning()
  const record = keyRecord(row as TenantKeyRow)
  announce(record)
  return { record, key: made.key }
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
