import { and, eq } from 'drizzle-orm'
import type { TenantPrincipalKind } from '../../contract/kinds.js'
import { findHoldings } from '../../kernel/authz/holdings.js'
import { tenant_keys } from '../../kernel/identity/keys-table.js'
import type { HoldingsOf } from '../../kernel/permissions/evaluate.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

/** The holdings of a member or a key, and the refusal before the check of scopes, if there is one. */
export interface Explained {
  readonly holdings: HoldingsOf<TenantPrincipalKind>
  /** The code of the refusal before the check of scopes; null without one. */
  readonly refused_before: 'invalid_token' | 'tenant_access_denied' | 'invalid_tenant_credentials' | null
}

/** Reads the facts for a decision about another member or key. */
export class ExplainReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}

  /** Reads a member of the tenant. Returns undefined for any other user. */
  async member(user_id: string): Promise<Explained | undefined> {
    const member = await findHoldings(this.scope, this.tenant_id, user_id)
    if (member === undefined) return undefined
    const { holdings, state, is_user_disabled } = member
    return {
      holdings,
      refused_before: is_user_disabled ? 'invalid_token' : state === 'active' ? null : 'tenant_access_denied',
    }
  }

  /** Reads a key of the tenant. Returns undefined for any other key. */
  async key(key_id: string): Promise<Explained | undefined> {
    const [key] = await this.scope.queries
      .select()
      .from(tenant_keys)
      .where(and(eq(tenant_keys.tenant_id, this.tenant_id), eq(tenant_keys.id, key_id)))
    if (key === undefined) return undefined
    const is_expired = key.expires_at !== null && key.expires_at <= this.scope.now
    const is_usable = key.revoked_at === null && key.disabled_at === null && !is_expired
    return {
      holdings: { kind: 'key', id: key.id, scopes: key.scopes },
      refused_before: is_usable ? null : 'invalid_tenant_credentials',
    }
  }
}
