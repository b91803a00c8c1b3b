import { and, desc, eq, gt, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { lockActor } from '../../kernel/authz/actor.js'
import { createOneTimeToken } from '../../kernel/credentials/one-time-tokens.js'
import { afterId } from '../../kernel/database/search.js'
import { invitation_roles, invitations } from '../../kernel/identity/invitations-table.js'
import { namedRoles } from '../../kernel/identity/named-roles.js'
import { isOpen, revokeOpenInvitations } from '../../kernel/identity/revoke-open-invitations.js'
import { roles } from '../../kernel/identity/roles-table.js'
import { checkGrant } from '../../kernel/permissions/escalation.js'
import type { ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../kernel/problems/problems.js'
import { type Page, pageOf, type Rows } from '../../kernel/rest/pagination.js'
import { actingUser } from '../../kernel/store/audit-record.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'

export const INVITATION_HOURS = 72
/** The maximum number of open invitations of a tenant. A team needs fewer. */
const OPEN_MAX = 500

export interface InvitationRecord {
  readonly id: string
  readonly email: string
  readonly roles: string[]
  readonly invited_by: string | null
  readonly created_at: string
  readonly sent_at: string
  readonly expires_at: string
  readonly accepted_at: string | null
  readonly declined_at: string | null
  readonly revoked_at: string | null
}

/** An invitation with the token for the mail. */
export interface SentInvitation {
  readonly record: InvitationRecord
  readonly token: string
}

const roleNames = sql<string[]>`array(
  select r.name from ${invitation_roles} ir join ${roles} r on r.tenant_id = ir.tenant_id and r.id = ir.role_id
  where ir.tenant_id = "invitations"."tenant_id" and ir.invitation_id = "invitations"."id" order by r.id)`

export class InvitationsReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Lists invitations, newest first, including closed ones. */
  async list(page: Page): Promise<Rows<InvitationRecord>> {
    const rows = await this.select()
      .where(and(eq(invitations.tenant_id, this.tenant_id), afterId(invitations.id, page.after_id)))
      .orderBy(desc(invitations.id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit)
  }

  /** @throws Problem `not_found` */
  async get(id: string): Promise<InvitationRecord> {
    const [row] = await this.select().where(this.isThis(id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }

  protected isThis(id: string) {
    return and(eq(invitations.tenant_id, this.tenant_id), eq(invitations.id, id))
  }

  private select() {
    return this.scope.queries
      .select({
        id: invitations.id,
        email: invitations.email,
        roles: roleNames,
        invited_by: invitations.invited_by,
        created_at: invitations.created_at,
        sent_at: invitations.sent_at,
        expires_at: invitations.expires_at,
        accepted_at: invitations.accepted_at,
        declined_at: invitations.declined_at,
        revoked_at: invitations.revoked_at,
      })
      .from(invitations)
      .$dynamic()
  }
}

export class InvitationsWriter extends InvitationsReader {
  constructor(
    protected override readonly scope: WriteScope,
    tenant_id: string,
  ) {
    super(scope, tenant_id)
  }

  /**
   * Invites an address and revokes an open invitation to the same address: only the newest link works.
   * @throws Problem `privilege_escalation`, `already_exists`, `limit_reached`
   */
  async create(email: string, role_names: readonly string[], catalogue: ScopeCatalogue): Promise<SentInvitation> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const wanted = await namedRoles(this.scope, this.tenant_id, role_names)
    checkGrant(actor, wanted, catalogue)
    await this.checkNoMember(email)
    const revoked = await revokeOpenInvitations(this.scope, this.tenant_id, email)
    await this.checkRoom()
    const { token, digest } = createOneTimeToken()
    const id = uuidv7()
    await this.scope.queries.insert(invitations).values({
      tenant_id: this.tenant_id,
      id,
      email,
      token_digest: digest,
      invited_by: actingUser(this.scope.actor),
      created_at: this.scope.now,
      sent_at: this.scope.now,
      expires_at: this.expiry(),
    })
    if (wanted.length > 0) {
      const rows = wanted.map((role) => ({ tenant_id: this.tenant_id, invitation_id: id, role_id: role.id }))
      await this.scope.queries.insert(invitation_roles).values(rows)
    }
    const record = await this.get(id)
    this.recordChange(record, { after: { email, roles: record.roles }, ...revoked })
    return { record, token }
  }

  /**
   * Sends an open invitation again with a new link. The old link stops working. The actor must be able to grant its roles.
   * @throws Problem `not_found`, `invitation_closed`, `privilege_escalation`
   */
  async resend(id: string, catalogue: ScopeCatalogue): Promise<SentInvitation> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const before = await this.get(id)
    checkGrant(actor, await namedRoles(this.scope, this.tenant_id, before.roles), catalogue)
    const { token, digest } = createOneTimeToken()
    const renewed = await this.scope.queries
      .update(invitations)
      .set({ token_digest: digest, sent_at: this.scope.now, expires_at: this.expiry() })
      .where(and(this.isThis(id), isOpen))
      .returning({ id: invitations.id })
    if (renewed.length === 0) throw new Problem('invitation_closed')
    this.recordChange(before, { after: { expires_at: this.expiry() } })
    return { record: await this.get(id), token }
  }

  /** Revokes an open invitation. @throws Problem `not_found`, `invitation_closed` */
  async revoke(id: string): Promise<void> {
    await lockActor(this.scope, this.tenant_id, ['users:manage'])
    const before = await this.get(id)
    if (before.revoked_at !== null) {
      this.scope.recordNoChange()
      return
    }
    const revoked = await this.scope.queries
      .update(invitations)
      .set({ revoked_at: this.scope.now })
      .where(and(this.isThis(id), isOpen))
      .returning({ id: invitations.id })
    if (revoked.length === 0) throw new Problem('invitation_closed')
    this.recordChange(before, { after: { revoked_at: this.scope.now } })
  }

  private async checkNoMember(email: string): Promise<void> {
    const found = await this.scope.queries.execute(
      sql`select 1 from memberships m join find_user_by_email(${email}) u on u.id = m.user_id where m.tenant_id = ${this.tenant_id}`,
    )
    if ((found as unknown as unknown[]).length > 0) {
      throw new Problem('already_exists', {
        detail: 'The user with this address is already a member.',
        members: { conflicting_field: 'email' },
      })
    }
  }

  private async checkRoom(): Promise<void> {
    const open = await this.scope.queries
      .select({ id: invitations.id })
      .from(invitations)
      .where(and(eq(invitations.tenant_id, this.tenant_id), isOpen, gt(invitations.expires_at, this.scope.now)))
      .limit(OPEN_MAX)
    if (open.length >= OPEN_MAX) {
      throw new Problem('limit_reached', {
        detail: `A tenant can have ${OPEN_MAX} open invitations. Revoke some first.`,
      })
    }
  }

  private expiry(): string {
    return instantOf(Date.parse(this.scope.now) + INVITATION_HOURS * 3_600_000)
  }

  private recordChange({ id }: InvitationRecord, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'invitation', id, user_id: null, tenant_id: this.tenant_id, changes })
  }
}
