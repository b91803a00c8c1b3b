import { and, desc, eq, gt, ilike, isNull, or } from 'drizzle-orm'
import { TENANT_PRINCIPAL_KINDS, type TenantPrincipalKind } from '../../contract/kinds.js'
import { isActiveMember } from '../../kernel/authz/membership.js'
import { afterId, anywhere } from '../../kernel/database/search.js'
import { tenant_keys } from '../../kernel/identity/keys-table.js'
import { memberships } from '../../kernel/identity/memberships-table.js'
import { users } from '../../kernel/identity/users-table.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { unreachable } from '../../kernel/unreachable.js'

/** A principal that can act in the tenant now: an active member, or a key that works. */
export interface DirectoryRecord {
  readonly id: string
  readonly name: string
  readonly kind: TenantPrincipalKind
}

export interface DirectoryFilters {
  readonly kind?: TenantPrincipalKind
  readonly search?: string
}

/** The entries of one kind to read: those with this text in the name, after an id. */
interface Part {
  readonly search: string | undefined
  readonly after_id: string | undefined
  readonly limit: number
}

/** The position of an entry in the list, as a cursor holds it. */
export function positionOf({ kind, id }: DirectoryRecord): string {
  return `${kind}.${id}`
}

/**
 * Reads the names of a tenant, and nothing else about the people. A tenant has at most 10,000 members and 200 keys that are
 * not revoked, so a search needs no other limit.
 */
export class DirectoryReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}

  /** Lists active members by descending user id, and then working keys by descending id. */
  async list({ kind, search }: DirectoryFilters, page: Page): Promise<Rows<DirectoryRecord>> {
    const [kind_reached, id_reached] = (page.after_id?.split('.') ?? []) as [TenantPrincipalKind?, string?]
    const first = kind_reached === undefined ? 0 : TENANT_PRINCIPAL_KINDS.indexOf(kind_reached)
    const kinds = TENANT_PRINCIPAL_KINDS.slice(first).filter((each) => kind === undefined || kind === each)
    const rows: DirectoryRecord[] = []
    for (const each of kinds) {
      const limit = page.limit + 1 - rows.length
      if (limit > 0)
        rows.push(
          ...(await this.part(each, { search, after_id: each === kind_reached ? id_reached : undefined, limit })),
        )
    }
    return pageOf(rows, page.limit)
  }

  private part(kind: TenantPrincipalKind, part: Part): Promise<DirectoryRecord[]> {
    switch (kind) {
      case 'user':
        return this.members(part)
      case 'key':
        return this.keys(part)
      default:
        return unreachable(kind)
    }
  }

  private async members({ search, after_id, limit }: Part): Promise<DirectoryRecord[]> {
    const rows = await this.scope.queries
      .select({ id: memberships.user_id, name: users.name })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.user_id))
      .where(
        and(
          eq(memberships.tenant_id, this.tenant_id),
          isActiveMember,
          afterId(memberships.user_id, after_id),
          search === undefined ? undefined : ilike(users.name, anywhere(search)),
        ),
      )
      .orderBy(desc(memberships.user_id))
      .limit(limit)
    return rows.map((row) => ({ ...row, kind: 'user' }))
  }

  private async keys({ search, after_id, limit }: Part): Promise<DirectoryRecord[]> {
    const { id, name, revoked_at, disabled_at, expires_at } = tenant_keys
    const rows = await this.scope.queries
      .select({ id, name })
      .from(tenant_keys)
      .where(
        and(
          eq(tenant_keys.tenant_id, this.tenant_id),
          isNull(revoked_at),
          isNull(disabled_at),
          or(isNull(expires_at), gt(expires_at, this.scope.now)),
          afterId(id, after_id),
          search === undefined ? undefined : ilike(name, anywhere(search)),
        ),
      )
      .orderBy(desc(id))
      .limit(limit)
    return rows.map((row) => ({ ...row, kind: 'key' }))
  }
}
