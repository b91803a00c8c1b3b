import { and, eq, isNull } from 'drizzle-orm'
import { createSecret } from '../../kernel/credentials/tenant-key.js'
import { type TenantKeyRow, tenant_keys } from '../../kernel/identity/keys-table.js'
import { checkGrantedScopes } from '../../kernel/permissions/escalation.js'
import type { Holdings } from '../../kernel/permissions/evaluate.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'
import { type KeyRecord, keyRecord } from './store.js'

export interface KeyChange {
  readonly name?: string
  readonly scopes?: readonly string[]
  readonly expires_at?: string | null
  readonly allowed_cidrs?: readonly string[] | null
  readonly requests_per_minute?: number | null
  readonly disabled?: boolean
}

/** What happens to a key after it was made, until it is revoked. */
export class KeyLifecycleWriter {
  constructor(
    private readonly scope: WriteScope,
    private readonly tenant_id: string,
  ) {}

  /**
   * Changes a key; it holds from its next request. Scopes can be added only by whoever holds them.
   * @throws Problem `not_found`, `privilege_escalation`
   */
  async update(id: string, change: KeyChange, actor: Holdings): Promise<KeyRecord> {
    const before = await this.living(id)
    checkGrantedScopes(
      actor,
      (change.scopes ?? []).filter((scope) => !before.scopes.includes(scope)),
    )
    const { disabled, ...values } = change
    const [row] = await this.scope.queries
      .update(tenant_keys)
      .set({
        ...values,
        scopes: change.scopes && [...change.scopes],
        allowed_cidrs: change.allowed_cidrs && [...change.allowed_cidrs],
        // No secret outlives its key, so an overlap that would is cut with it.
        previous_expires_at:
          change.expires_at != null && before.previous_expires_at !== null
            ? earlier(before.previous_expires_at, change.expires_at)
            : undefined,
        disabled_at: disabled === undefined ? undefined : disabled ? (before.disabled_at ?? this.scope.now) : null,
      })
      .where(this.isThis(id))
      .returning()
    const after = keyRecord(row as TenantKeyRow)
    const changed = Object.keys(after).filter(
      (name) => JSON.stringify(after[name as keyof KeyRecord]) !== JSON.stringify(before[name as keyof TenantKeyRow]),
    )
    if (changed.length === 0) {
      this.scope.unchanged()
      return after
    }
    if (changed.length === 0) this.scope.unchanged()
    else
      this.tell(id, {
        before: Object.fromEntries(changed.map((name) => [name, before[name as keyof TenantKeyRow]])),
        after: Object.fromEntries(changed.map((name) => [name, after[name as keyof KeyRecord]])),
      })
    return after
  }

  /**
   * Gives a key a new secret; the old one goes on working for `overlap_seconds`, but never beyond the key's own expiry.
   * With 0 every old secret ends at once. The row is held, so of two rotations at once the second sees the first.
   *
   * Whoever rotates a key sees its new secret and can act as the key, so they must hold what it holds.
   *
   * @throws Problem `not_found`, `privilege_escalation`, `rotation_in_progress` when a third secret would have to end
   * one that still works
   */
  async rotate(id: string, overlap_seconds: number, actor: Holdings): Promise<{ record: KeyRecord; key: string }> {
    const before = await this.living(id)
    checkGrantedScopes(actor, before.scopes)
    const { now } = this.scope
    const overlaps = before.previous_expires_at !== null && before.previous_expires_at > now
    if (overlaps && overlap_seconds > 0) {
      throw new Problem('rotation_in_progress', { members: { previous_expires_at: before.previous_expires_at } })
    }
    const made = createSecret(id)
    const ends = instantOf(Date.parse(now) + overlap_seconds * 1000)
    const previous_expires_at = before.expires_at === null ? ends : earlier(before.expires_at, ends)
    const kept =
      overlap_seconds === 0
        ? {
            previous_digest: null,
            previous_last_four: null,
            previous_created_at: null,
            previous_expires_at: null,
            previous_last_used_at: null,
            previous_requests: 0,
          }
        : {
            previous_digest: before.secret_digest,
            previous_last_four: before.secret_last_four,
            previous_created_at: before.secret_created_at,
            previous_expires_at,
            previous_last_used_at: before.secret_last_used_at,
            previous_requests: before.secret_requests,
          }
    const [row] = await this.scope.queries
      .update(tenant_keys)
      .set({
        ...kept,
        secret_digest: made.secret_digest,
        secret_last_four: made.secret_last_four,
        secret_created_at: now,
        secret_last_used_at: null,
        secret_requests: 0,
      })
      .where(this.isThis(id))
      .returning()
    this.tell(id, { overlap_seconds, previous_expires_at: kept.previous_expires_at })
    return { record: keyRecord(row as TenantKeyRow), key: made.key }
  }

  /** The key, held until the end of the transaction; a revoked one is gone for good. */
  private async living(id: string): Promise<TenantKeyRow> {
    const [row] = await this.scope.queries
      .select()
      .from(tenant_keys)
      .where(and(this.isThis(id), isNull(tenant_keys.revoked_at)))
      .for('update')
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  private isThis(id: string) {
    return and(eq(tenant_keys.tenant_id, this.tenant_id), eq(tenant_keys.id, id))
  }

  private tell(id: string, changes: Record<string, unknown>): void {
    this.scope.changed({ kind: 'tenant_key', id, tenant_id: this.tenant_id, changes })
  }
}

/** The earlier of two instants, which compare as text. */
function earlier(one: string, other: string): string {
  return one < other ? one : other
}
