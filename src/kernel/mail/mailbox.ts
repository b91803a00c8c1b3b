import { hash } from 'node:crypto'
import { sql } from 'drizzle-orm'
import type { Budget } from '../limits/budgets.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { instantOf } from '../time/clock.js'
import { type MailKind, mailbox_counts } from './mails-table.js'

/**
 * Returns the key for counting the mails to a mailbox. What follows a plus sign is left out, because many servers deliver
 * `name+anything` to the mailbox `name`, and a stranger could write a new address for each mail.
 *
 * @param email in lower case
 */
export function mailboxOf(email: string): Buffer {
  const at = email.lastIndexOf('@')
  const [name] = email.slice(0, at).split('+')
  return hash('sha256', `${name}${email.slice(at)}`, 'buffer')
}

/** The state of the budget of a mailbox. */
export interface MailboxState {
  readonly is_exceeded: boolean
  /** The end of the window. */
  readonly ends_at: string
}

/**
 * Counts one mail to a mailbox. The row is locked until the end of the transaction, so that replicas count together. A mail
 * beyond the budget is not counted: it leaves later, or not at all.
 */
export async function countMail(
  { queries, now }: ReadScope,
  kind: MailKind,
  mailbox: Buffer,
  { quota, window_seconds }: Budget,
): Promise<MailboxState> {
  const ends_at = instantOf(Date.parse(now) + window_seconds * 1000)
  const is_over = sql`${mailbox_counts.expires_at} <= ${now}::timestamptz`
  const [row] = await queries
    .insert(mailbox_counts)
    .values({ kind, mailbox, used: 1, expires_at: ends_at })
    .onConflictDoUpdate({
      target: [mailbox_counts.kind, mailbox_counts.mailbox],
      set: {
        used: sql`case when ${is_over} then 1 else least(${mailbox_counts.used}, ${quota}::integer) + 1 end`,
        expires_at: sql`case when ${is_over} then excluded.expires_at else ${mailbox_counts.expires_at} end`,
      },
    })
    .returning({ used: mailbox_counts.used, ends_at: mailbox_counts.expires_at })
  if (row === undefined) throw new Error('an upsert returns its row')
  return { is_exceeded: row.used > quota, ends_at: row.ends_at }
}
