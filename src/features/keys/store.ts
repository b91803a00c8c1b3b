import { and, count, eq, isNull } from 'drizzle-orm'
import { lockActor } from '../../kernel/authz/actor.js'
import { createSecret, isSameDigest } from '../../kernel/credentials/tenant-key.js'
import { type CreateKeyInput, insertKey, type KeyRecord, keyRecord } from '../../kernel/identity/insert-key.js'
import { type TenantKeyRow, tenant_keys } from '../../kernel/identity/keys-table.js'
import { listKeys } from '../../kernel/identity/list-keys.js'
import { checkGrantedScopes } from '../../kernel/permissions/escalation.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { Rows } from '../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../kernel/rest/search.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'
import { unreachable } from '../../kernel/unreachable.js'
import { checkRevival, scopesGrantedBy, type UpdateKeyInput } from './widening.js'

/** Living keys of a tenant; a hundred integrations are many. */
const ACTIVE_KEYS_MAX = 200

export class KeysReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists the keys of the tenant, including revoked ones, by descending id. */
  async list(page: SearchedPage): Promise<Rows<KeyRecord>> {
    return listKeys(this.scope, this.tenant_id, page)
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<KeyRecord> {
    const [row] = await this.scope.queries.select().from(tenant_keys).where(this.isThis(id))
    if (row === undefined) throw new Problem('not_found')
    return keyRecord(row)
  }

  protected isThis(id: string) {
    return and(eq(tenant_keys.tenant_id, this.tenant_id), eq(tenant_keys.id, id))
  }
}

export class KeysWriter extends KeysReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /**
   * Makes a key. Only the result contains the text of the key. A key can act without a user, so the actor must hold the
   * scopes of the key.
   *
   * @throws Problem `privilege_escalation`, `limit_reached`
   */
  async create(input: CreateKeyInput): Promise<{ record: KeyRecord; key: string }> {
    const actor = await lockActor(this.scope, this.tenant_id, ['keys:manage'])
    checkGrantedScopes(actor, input.scopes)
    const [active] = await this.scope.queries
      .select({ count: count() })
      .from(tenant_keys)
      .where(and(eq(tenant_keys.tenant_id, this.tenant_id), isNull(tenant_keys.revoked_at)))
    if ((active?.count ?? 0) >= ACTIVE_KEYS_MAX) {
      throw new Problem('limit_reached', {
        detail: `A tenant can have ${ACTIVE_KEYS_MAX} living keys; revoke some first.`,
      })
    }
    const made = await insertKey(this.scope, this.tenant_id, input)
    this.recordChange(made.record.id, { after: made.record })
    return made
  }

  /**
   * Updates a key. It applies from the next request of the key. The actor must hold the scopes that the change grants: those
   * that it adds, and all scopes of a key that it widens.
   * @throws Problem `not_found`, `privilege_escalation`, `invalid_state`
   */
  async update(id: string, change: UpdateKeyInput): Promise<KeyRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['keys:manage'])
    const before = await this.lockUnrevoked(id)
    checkGrantedScopes(actor, scopesGrantedBy(change, before))
    checkRevival(change, before, this.scope.now)
    const { disabled, ...values } = change
    const [row] = await this.scope.queries
      .update(tenant_keys)
      .set({
        ...values,
        scopes: change.scopes && [...change.scopes],
        allowed_cidrs: change.allowed_cidrs && [...change.allowed_cidrs],
        // A secret must not outlive its key, so the expiry of the key shortens the overlap.
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
    if (changed.length === 0) this.scope.recordNoChange()
    else
      this.recordChange(id, {
        before: Object.fromEntries(changed.map((name) => [name, before[name as keyof TenantKeyRow]])),
        after: Object.fromEntries(changed.map((name) => [name, after[name as keyof KeyRecord]])),
      })
    return after
  }

  /**
   * Gives a key a new secret. A key that rotates itself must use its current secret. The old one works for `overlap_seconds`, but not beyond the expiry of the key. With 0, every
   * old secret ends at once. The row is locked, so of two rotations at the same time, the second one sees the first.
   *
   * The actor receives the new secret and can act as the key, so the actor must hold the scopes of the key.
   *
   * @throws Problem `not_found`, `privilege_escalation`, `superseded_secret`, `rotation_in_progress` when a third secret
   * would end a working one
   */
  async rotate(id: string, overlap_seconds: number): Promise<{ record: KeyRecord; key: string }> {
    const actor = await lockActor(this.scope, this.tenant_id, this.isOwn(id) ? [] : ['keys:manage'])
    const before = await this.lockUnrevoked(id)
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
    this.recordChange(id, { overlap_seconds, previous_expires_at: kept.previous_expires_at })
    return { record: keyRecord(row as TenantKeyRow), key: made.key }
  }

  /**
   * Revokes a key for good. The next request with it is refused. Revoking a revoked key changes nothing.
   * @throws Problem `not_found`, `superseded_secret`
   */
  async revoke(id: string): Promise<void> {
    await lockActor(this.scope, this.tenant_id, this.isOwn(id) ? [] : ['keys:manage'])
    const before = await this.lock(id)
    if (before.revoked_at !== null) {
      this.scope.recordNoChange()
      return
    }
    await this.scope.queries.update(tenant_keys).set({ revoked_at: this.scope.now }).where(this.isThis(id))
    this.recordChange(id, { revoked_at: this.scope.now })
  }

  /** Locks a key that can still change. @throws Problem `not_found` for a revoked key too, `superseded_secret` */
  private async lockUnrevoked(id: string): Promise<TenantKeyRow> {
    const row = await this.lock(id)
    if (row.revoked_at !== null) throw new Problem('not_found')
    return row
  }

  /**
   * Reads a key and locks its row until the end of the transaction. A key that changes itself must still have the secret of
   * the request as its current one. The check is under the lock, because a rotation may have replaced the secret since the
   * request began.
   *
   * @throws Problem `not_found`, `superseded_secret`
   */
  private async lock(id: string): Promise<TenantKeyRow> {
    const [row] = await this.scope.queries.select().from(tenant_keys).where(this.isThis(id)).for('update')
    if (row === undefined) throw new Problem('not_found')
    const { key_digest } = this.scope.proof
    if (this.isOwn(id) && (key_digest === null || !isSameDigest(row.secret_digest, key_digest))) {
      throw new Problem('superseded_secret')
    }
    return row
  }

  /** Whether the actor is the key itself. @throws Error for another key: no route lets a key change another one */
  private isOwn(id: string): boolean {
    const { actor } = this.scope
    switch (actor.kind) {
      case 'key':
        if (actor.id !== id) throw new Error('a key changes only itself')
        return true
      case 'user':
      case 'operator':
      case 'anonymous':
      case 'system':
        return false
      default:
        return unreachable(actor.kind)
    }
  }

  private recordChange(id: string, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'tenant_key', id, tenant_id: this.tenant_id, changes })
  }
}

/** Returns the earlier of two instants. Instants compare as text. */
function earlier(one: string, other: string): string {
  return one < other ? one : other
}
