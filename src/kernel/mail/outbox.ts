import { and, count, eq, inArray, isNull } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { Budget } from '../limits/budgets.js'
import type { ReadScope, WriteScope } from '../store/unit-of-work.js'
import { instantOf } from '../time/clock.js'
import type { Mail } from './mail.js'
import { mailboxOf } from './mailbox.js'
import { type MailKind, mails } from './mails-table.js'

/** How long the gateway tries to send a mail, if its link works for that long. */
const SENDING_MS_MAX = 24 * 3_600_000

/**
 * How many mails can wait. Each kind, and each tenant, has places of its own: mails of one tenant never take the place of a
 * reset or of a mail of another tenant.
 */
export const QUEUED_MAX: Readonly<Record<MailKind, number>> = {
  password_reset: 1_000,
  email_verification: 1_000,
  /** For each tenant. */
  invitation: 100,
}

/** An encrypted mail. */
export interface SealedMail {
  readonly content: Buffer
  readonly sealed_by: string
}

/** What a writer needs to queue mails. */
export interface Outbox {
  /** The budget of a mailbox, for each kind of mail. */
  readonly budget: Budget
  seal(mail: Mail): SealedMail
}

/** The mail with a new link. */
export interface LinkMail {
  readonly outbox: Outbox
  readonly write: (to: string, token: string) => Mail
}

/** A mail for the queue. */
interface QueuedMail {
  readonly kind: MailKind
  readonly mail: Mail
  readonly link_digest: Buffer
  readonly link_expires_at: string
  /** The invitation of an invitation. */
  readonly invitation?: { readonly tenant_id: string; readonly id: string }
}

/** Returns whether the queue has a place for a mail of this kind. For a tenant, the caller has locked the tenant. */
export async function hasRoom({ queries }: ReadScope, kind: MailKind, tenant_id?: string): Promise<boolean> {
  const owner = tenant_id === undefined ? isNull(mails.tenant_id) : eq(mails.tenant_id, tenant_id)
  const [row] = await queries
    .select({ count: count() })
    .from(mails)
    .where(and(eq(mails.kind, kind), owner))
  return (row?.count ?? 0) < QUEUED_MAX[kind]
}

/**
 * Queues a mail in the transaction that makes its link, so that both are committed or neither. The sender starts after the
 * commit. A mail of a user is counted by the caller, and an invitation when it is sent: a tenant must not learn how many
 * mails other tenants sent to an address.
 */
export async function queueMail(
  scope: WriteScope,
  { seal }: Pick<Outbox, 'seal'>,
  { kind, mail, link_digest, link_expires_at, invitation }: QueuedMail,
): Promise<void> {
  const gives_up_at = instantOf(Date.parse(scope.now) + SENDING_MS_MAX)
  await scope.queries.insert(mails).values({
    id: uuidv7(),
    tenant_id: invitation?.tenant_id ?? null,
    invitation_id: invitation?.id ?? null,
    kind,
    link_digest,
    mailbox: mailboxOf(mail.to),
    ...seal(mail),
    is_counted: invitation === undefined,
    created_at: scope.now,
    due_at: scope.now,
    expires_at: link_expires_at < gives_up_at ? link_expires_at : gives_up_at,
  })
  scope.publish({ kind: 'mail_queued' })
}

/** Deletes the queued mails of invitations whose links have ended. */
export async function unqueueMails({ queries }: WriteScope, tenant_id: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await queries.delete(mails).where(and(eq(mails.tenant_id, tenant_id), inArray(mails.invitation_id, [...ids])))
}
