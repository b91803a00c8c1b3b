import { and, eq } from 'drizzle-orm'
import type { TenantPrincipalKind } from '../../contract/kinds.js'
import { findHoldings } from '../../kernel/authz/holdings.js'
import { tenant_keys } from '../../kernel/identity/keys-table.js'
import type { HoldingsOf } from '../../kernel/permissions/evaluate.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

/** What somebody would hold, and why they could not come that far. */
export interface Explained {
  readonly holdings: HoldingsOf<TenantPrincipalKind>
  /** The code of the refusal that comes before scopes are asked; null when nothing stands in the way. */
  readonly refused_before: 'invalid_token' | 'tenant_access_denied' | 'invalid_tenant_credentials' | null
}

/** Reads what a decision about somebody else is made from. */
export class ExplainReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}

  /** A member of the tenant; undefined for anybody else. */
  async member(user_id: string): Promise<Explained | undefined> {
    const member = await findHoldings(this.scope, this.tenant_id, user_id)
    if (member === undefined) return undefined
    const { holdings, state, is_user_disabled } = member
    return {
      holdings,
      refused_before: is_user_disabled ? 'invalid_token' : state === 'active' ? null : 'tenant_access_denied',
    }
  }

  /** A key of the tenant; undefined for any other. */
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
