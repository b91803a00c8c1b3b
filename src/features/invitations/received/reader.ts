import { and, desc, eq, gt, isNull, sql } from 'drizzle-orm'
import { alias } from 'drizzle-orm/pg-core'
import { findActor } from '../../../kernel/authz/actor.js'
import { isActiveTenant } from '../../../kernel/authz/suspension.js'
import { digestOfOneTimeToken, isOneTimeToken } from '../../../kernel/credentials/one-time-tokens.js'
import { invitation_roles, invitations } from '../../../kernel/identity/invitations-table.js'
import type { NamedRole } from '../../../kernel/identity/named-roles.js'
import { isOpen } from '../../../kernel/identity/revoke-open-invitations.js'
import { roles } from '../../../kernel/identity/roles-table.js'
import { tenants } from '../../../kernel/identity/tenants-table.js'
import { users } from '../../../kernel/identity/users-table.js'
import { canGrant } from '../../../kernel/permissions/escalation.js'
import type { ScopeCatalogue } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { ReadScope } from '../../../kernel/store/unit-of-work.js'

/** An invitation, as the invited user sees it. */
export interface PendingInvitation {
  readonly id: string
  readonly tenant_id: string
  readonly tenant_name: string
  readonly expires_at: string
}

/** An open invitation, as the holder of its link sees it. */
export interface OpenedInvitation {
  readonly email: string
  readonly tenant_id: string
  readonly tenant_name: string
  readonly roles: readonly string[]
  /** Null for an invitation by the gateway itself. */
  readonly inviter_name: string | null
  readonly expires_at: string
  /** Whether a user has the address. Only the mailbox of the address received the link. */
  readonly is_registered: boolean
}

/** The row of an invitation that decides whether it can be accepted. */
interface Invited {
  readonly tenant_id: string
  readonly id: string
  readonly invited_by: string | null
}

const inviters = alias(users, 'inviters')

/** Reads for the invited user. The user is not a member yet, so no tenant can be bound. */
export class ReceivedInvitationsReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Lists open invitations to an address. */
  pendingOf(email: string): Promise<PendingInvitation[]> {
    return this.scope.queries
      .select({
        id: invitations.id,
        tenant_id: invitations.tenant_id,
        tenant_name: tenants.name,
        expires_at: invitations.expires_at,
      })
      .from(invitations)
      .innerJoin(tenants, eq(tenants.id, invitations.tenant_id))
      .where(
        and(
          eq(invitations.email, email),
          isOpen,
          gt(invitations.expires_at, this.scope.now),
          isNull(tenants.deleted_at),
        ),
      )
      .orderBy(desc(invitations.id))
      .limit(100)
  }

  /**
   * Reads the open invitation of a link. It changes nothing, because mail scanners open each link.
   * @throws Problem `not_found`, `invitation_closed`
   */
  async open(token: string, catalogue: ScopeCatalogue): Promise<OpenedInvitation> {
    const [row] = await this.scope.queries
      .select({
        tenant_id: invitations.tenant_id,
        id: invitations.id,
        email: invitations.email,
        invited_by: invitations.invited_by,
        tenant_name: tenants.name,
        inviter_name: inviters.name,
        expires_at: invitations.expires_at,
        is_open: this.isOpenNow(),
        is_registered: sql<boolean>`exists (select 1 from ${users} where ${users.email} = ${invitations.email})`,
      })
      .from(invitations)
      .innerJoin(tenants, eq(tenants.id, invitations.tenant_id))
      .leftJoin(inviters, eq(inviters.id, invitations.invited_by))
      .where(this.isOfLink(token))
    if (row === undefined) throw unknownLink()
    if (!row.is_open) throw new Problem('invitation_closed')
    const granted = await this.grantedBy(row, catalogue)
    const { email, tenant_id, tenant_name, inviter_name, expires_at, is_registered } = row
    const names = granted.map(({ name }) => name)
    return { email, tenant_id, tenant_name, roles: names, inviter_name, expires_at, is_registered }
  }

  /** The condition of the invitation of a link. @throws Problem `not_found` for text that is no token */
  protected isOfLink(token: string) {
    if (!isOneTimeToken(token)) throw unknownLink()
    return eq(invitations.token_digest, digestOfOneTimeToken(token))
  }

  /** Whether an invitation can be accepted at this moment, as far as its rows say. */
  protected isOpenNow() {
    const { now } = this.scope
    return sql<boolean>`${isOpen} and ${isActiveTenant(now)} and ${invitations.expires_at} > ${now}::timestamptz`
  }

  /**
   * Returns the roles of an invitation. The inviter grants them when the user accepts, so they must be able to grant them
   * at that moment.
   * @throws Problem `invitation_closed`
   */
  protected async grantedBy({ tenant_id, id, invited_by }: Invited, catalogue: ScopeCatalogue): Promise<NamedRole[]> {
    const granted = await this.scope.queries
      .select({ id: roles.id, name: roles.name, system_role: roles.system_role, scopes: roles.scopes })
      .from(invitation_roles)
      .innerJoin(roles, and(eq(roles.tenant_id, invitation_roles.tenant_id), eq(roles.id, invitation_roles.role_id)))
      .where(and(eq(invitation_roles.tenant_id, tenant_id), eq(invitation_roles.invitation_id, id)))
      .orderBy(roles.id)
    const inviter = await findActor(this.scope, tenant_id, invited_by, ['users:manage'])
    if (inviter === undefined || !canGrant(inviter, granted, catalogue)) throw new Problem('invitation_closed')
    return granted
  }
}

/** The one response for every link that no invitation has. */
export function unknownLink(): Problem<'not_found'> {
  return new Problem('not_found', { detail: 'No invitation has this link. A newer mail may have replaced it.' })
}
