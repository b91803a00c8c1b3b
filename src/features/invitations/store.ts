import { and, desc, eq, sql } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import { lockActor } from '../../kernel/authz/actor.js'
import { createOneTimeToken, type OneTimeToken } from '../../kernel/credentials/one-time-tokens.js'
import { afterId, searchOf } from '../../kernel/database/search.js'
import {
  type DeliveryFailure,
  type DeliveryState,
  invitation_roles,
  invitations,
} from '../../kernel/identity/invitations-table.js'
import { namedRoles } from '../../kernel/identity/named-roles.js'
import { isOpen, revokeOpenInvitations } from '../../kernel/identity/revoke-open-invitations.js'
import { roles } from '../../kernel/identity/roles-table.js'
import { type LinkMail, queueMail, unqueueMails } from '../../kernel/mail/outbox.js'
import { checkGrant } from '../../kernel/permissions/escalation.js'
import type { ScopeCatalogue } from '../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../kernel/problems/problems.js'
import { pageOf, type Rows } from '../../kernel/rest/pagination.js'
import type { SearchedPage } from '../../kernel/rest/search.js'
import { actingUser } from '../../kernel/store/audit-record.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'
import { checkInviter, checkNoMember, checkQueue, checkRoom } from './checks.js'

const INVITATION_HOURS = 72

export interface InvitationRecord {
  readonly id: string
  readonly email: string
  readonly roles: string[]
  readonly invited_by: string | null
  readonly created_at: string
  readonly delivery_state: DeliveryState
  readonly delivery_failure: DeliveryFailure | null
  readonly delivery_at: string
  readonly expires_at: string
  readonly accepted_at: string | null
  readonly declined_at: string | null
  readonly revoked_at: string | null
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
  async list(page: SearchedPage): Promise<Rows<InvitationRecord>> {
    const { id, email } = invitations
    const candidates = and(eq(invitations.tenant_id, this.tenant_id), afterId(id, page.after_id))
    const list = { id, candidates, columns: [email] }
    const { condition, searched_to } = await searchOf(this.scope.queries, page.search, list)
    const rows = await this.select()
      .where(and(candidates, condition))
      .orderBy(desc(id))
      .limit(page.limit + 1)
    return pageOf(rows, page.limit, searched_to)
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
        delivery_state: invitations.delivery_state,
        delivery_failure: invitations.delivery_failure,
        delivery_at: invitations.delivery_at,
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
   * Invites an address, queues its mail, and revokes an open invitation to the same address: only the newest link works.
   * @throws Problem `privilege_escalation`, `email_unverified`, `already_exists`, `limit_reached`
   */
  async create(
    email: string,
    role_names: readonly string[],
    catalogue: ScopeCatalogue,
    mail: LinkMail,
  ): Promise<InvitationRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    await checkInviter(this.scope)
    const wanted = await namedRoles(this.scope, this.tenant_id, role_names)
    checkGrant(actor, wanted, catalogue)
    await checkNoMember(this.scope, this.tenant_id, email)
    const revoked = await revokeOpenInvitations(this.scope, this.tenant_id, email)
    await unqueueMails(this.scope, this.tenant_id, revoked.revoked_invitations ?? [])
    await checkRoom(this.scope, this.tenant_id)
    await checkQueue(this.scope, this.tenant_id)
    const link = createOneTimeToken()
    const id = uuidv7()
    await this.scope.queries.insert(invitations).values({
      tenant_id: this.tenant_id,
      id,
      email,
      invited_by: actingUser(this.scope.actor),
      created_at: this.scope.now,
      ...this.newLink(link.digest),
    })
    if (wanted.length > 0) {
      const rows = wanted.map((role) => ({ tenant_id: this.tenant_id, invitation_id: id, role_id: role.id }))
      await this.scope.queries.insert(invitation_roles).values(rows)
    }
    const record = await this.get(id)
    await this.queue(record, mail, link)
    this.recordChange(record, { after: { email, roles: record.roles }, ...revoked })
    return record
  }

  /**
   * Sends an open invitation again with a new link. The old link stops working. The actor must be able to grant its roles.
   * @throws Problem `not_found`, `invitation_closed`, `privilege_escalation`, `email_unverified`, `limit_reached`
   */
  async resend(id: string, catalogue: ScopeCatalogue, mail: LinkMail): Promise<InvitationRecord> {
    const actor = await lockActor(this.scope, this.tenant_id, ['users:manage'])
    await checkInviter(this.scope)
    const before = await this.get(id)
    checkGrant(actor, await namedRoles(this.scope, this.tenant_id, before.roles), catalogue)
    const link = createOneTimeToken()
    const renewed = await this.scope.queries
      .update(invitations)
      .set(this.newLink(link.digest))
      .where(and(this.isThis(id), isOpen))
      .returning({ id: invitations.id })
    if (renewed.length === 0) throw new Problem('invitation_closed')
    await unqueueMails(this.scope, this.tenant_id, [id])
    await checkQueue(this.scope, this.tenant_id)
    const record = await this.get(id)
    await this.queue(record, mail, link)
    this.recordChange(before, { after: { expires_at: record.expires_at } })
    return record
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

  /** The columns of a new link, whose mail is queued. */
  private newLink(token_digest: Buffer) {
    const { now } = this.scope
    const expires_at = instantOf(Date.parse(now) + INVITATION_HOURS * 3_600_000)
    return { token_digest, expires_at, delivery_state: 'queued', delivery_failure: null, delivery_at: now } as const
  }

  private queue(record: InvitationRecord, { outbox, write }: LinkMail, { token, digest }: OneTimeToken): Promise<void> {
    return queueMail(this.scope, outbox, {
      kind: 'invitation',
      mail: write(record.email, token),
      link_digest: digest,
      link_expires_at: record.expires_at,
      invitation: { tenant_id: this.tenant_id, id: record.id },
    })
  }

  private recordChange({ id }: InvitationRecord, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'invitation', id, user_id: null, tenant_id: this.tenant_id, changes })
  }
}
