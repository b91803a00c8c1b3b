import { and, count, eq, exists, gt, inArray, isNull, lte, or, type SQL, sql } from 'drizzle-orm'
import { isActiveTenant } from '../authz/suspension.js'
import { type DeliveryFailure, invitations } from '../identity/invitations-table.js'
import { isOpen } from '../identity/revoke-open-invitations.js'
import { tenants } from '../identity/tenants-table.js'
import { one_time_tokens, users } from '../identity/users-table.js'
import type { Budget } from '../limits/budgets.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { instantOf } from '../time/clock.js'
import { countMail } from './mailbox.js'
import { MAIL_KINDS, type MailKind, mails } from './mails-table.js'

/** Longer than a try may take. After it, another replica takes the mail, because the first one has probably ended. */
const LEASE_MS = 90_000

export interface ClaimRequest {
  readonly kinds: readonly MailKind[]
  /** The ids of the keys with which this replica can decrypt. */
  readonly key_ids: readonly string[]
  /** Tenants whose mails this replica took, the most recent one last. Tenants take turns. */
  readonly served: readonly string[]
  readonly budget: Budget
}

/** A mail that this replica has taken, until its lease ends. */
export interface ClaimedMail {
  readonly id: string
  readonly kind: MailKind
  readonly tenant_id: string | null
  readonly link_digest: Buffer
  readonly content: Buffer
  readonly tries: number
  readonly created_at: string
  readonly expires_at: string
  /** What to do with the mail: send it, or give up because of this. */
  readonly fate: 'send' | Extract<DeliveryFailure, 'timed_out' | 'link_ended'>
}

/** `held`: the budget of the mailbox is used up, and the mail waits for the next window. */
export type Claim =
  | { readonly kind: 'none' }
  | { readonly kind: 'held' }
  | { readonly kind: 'claimed'; readonly mail: ClaimedMail }

/** What became of a try. */
export type Outcome =
  | { readonly kind: 'sent' }
  | { readonly kind: 'failed'; readonly reason: DeliveryFailure }
  | { readonly kind: 'retry'; readonly due_at_ms: number }

/** The size of the queue. */
export class WaitingMailsReader {
  constructor(private readonly scope: ReadScope) {}

  /** Whether a mail is due, for whichever replica can decrypt it. */
  async hasDue(): Promise<boolean> {
    const { queries, now } = this.scope
    const due = await queries.select({ id: mails.id }).from(mails).where(lte(mails.due_at, now)).limit(1)
    return due.length > 0
  }

  /** Counts the mails of each kind that wait or are being sent. */
  async count(): Promise<Readonly<Record<MailKind, number>>> {
    const rows = await this.scope.queries.select({ kind: mails.kind, count: count() }).from(mails).groupBy(mails.kind)
    const counts = { password_reset: 0, email_verification: 0, invitation: 0 }
    for (const row of rows) counts[row.kind] = row.count
    return counts
  }
}

/** The queue, for the sender. */
export class MailQueue {
  constructor(private readonly scope: ReadScope) {}

  /** Takes the next mail: the most urgent kind first, and within a kind the tenant that waits the longest. */
  async claim(request: ClaimRequest): Promise<Claim> {
    const { queries, now } = this.scope
    const served = sql`array_position(string_to_array(${request.served.join()}::text, ','), ${mails.tenant_id}::text)`
    const [mail] = await queries
      .select()
      .from(mails)
      .where(this.isDue(request))
      .orderBy(urgency(mails.kind), sql`${served} nulls first`, mails.due_at, mails.id)
      .limit(1)
      .for('update', { skipLocked: true })
    if (mail === undefined) return { kind: 'none' }
    const fate = await this.fateOf(mail)
    if (fate === 'send' && !mail.is_counted) {
      const { is_exceeded, ends_at } = await countMail(this.scope, mail.kind, mail.mailbox, request.budget)
      if (is_exceeded) {
        await queries
          .update(mails)
          .set({ due_at: earlier(ends_at, mail.expires_at) })
          .where(eq(mails.id, mail.id))
        return { kind: 'held' }
      }
    }
    const tries = mail.tries + 1
    await queries
      .update(mails)
      .set({ due_at: instantOf(Date.parse(now) + LEASE_MS), tries, is_counted: true })
      .where(eq(mails.id, mail.id))
    return { kind: 'claimed', mail: { ...mail, tries, fate } }
  }

  /**
   * Records what became of a try. It writes the invitation before the mail, in the same order as a new link for an
   * invitation, so that the two cannot deadlock. It changes nothing for a link that was replaced, or after the lease ended.
   */
  async settle({ id, tries, link_digest, expires_at }: ClaimedMail, outcome: Outcome): Promise<void> {
    const { queries, now } = this.scope
    const is_claimed = and(eq(mails.id, id), eq(mails.tries, tries))
    if (outcome.kind === 'retry') {
      const due_at = earlier(instantOf(outcome.due_at_ms), expires_at)
      await queries.update(mails).set({ due_at }).where(is_claimed)
      return
    }
    const delivery_failure = outcome.kind === 'failed' ? outcome.reason : null
    await queries
      .update(invitations)
      .set({ delivery_state: outcome.kind, delivery_failure, delivery_at: now })
      .where(and(eq(invitations.token_digest, link_digest), eq(invitations.delivery_state, 'queued')))
    await queries.delete(mails).where(is_claimed)
  }

  /** A mail of a suspended tenant waits. A mail that nobody can decrypt waits too, until a replica has its key again. */
  private isDue({ kinds, key_ids }: ClaimRequest): SQL | undefined {
    const { queries, now } = this.scope
    const tenant = queries
      .select({ id: tenants.id })
      .from(tenants)
      .where(and(eq(tenants.id, mails.tenant_id), isActiveTenant(now)))
    const can_be_sent = and(inArray(mails.sealed_by, [...key_ids]), or(isNull(mails.tenant_id), exists(tenant)))
    return and(inArray(mails.kind, [...kinds]), lte(mails.due_at, now), or(can_be_sent, lte(mails.expires_at, now)))
  }

  private async fateOf(mail: Pick<ClaimedMail, 'kind' | 'link_digest' | 'expires_at'>): Promise<ClaimedMail['fate']> {
    if (!(await this.linkWorks(mail))) return 'link_ended'
    return mail.expires_at <= this.scope.now ? 'timed_out' : 'send'
  }

  private async linkWorks({ kind, link_digest }: Pick<ClaimedMail, 'kind' | 'link_digest'>): Promise<boolean> {
    const { queries } = this.scope
    const found =
      kind === 'invitation'
        ? await queries
            .select({ id: invitations.id })
            .from(invitations)
            .where(and(eq(invitations.token_digest, link_digest), isOpen))
        : await queries
            .select({ id: users.id })
            .from(one_time_tokens)
            .innerJoin(users, eq(users.id, one_time_tokens.user_id))
            .where(
              and(
                eq(one_time_tokens.digest, link_digest),
                isNull(one_time_tokens.used_at),
                gt(one_time_tokens.expires_at, this.scope.now),
                isNull(users.disabled_at),
              ),
            )
    return found.length > 0
  }
}

function urgency(kind: typeof mails.kind): SQL {
  return sql`array_position(string_to_array(${MAIL_KINDS.join()}::text, ','), ${kind})`
}

/** The earlier one of two instants. As text they have the order of time. */
function earlier(one: string, other: string): string {
  return one < other ? one : other
}
