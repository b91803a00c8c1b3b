import { and, eq, gt, sql } from 'drizzle-orm'
import { invitations } from '../../kernel/identity/invitations-table.js'
import { isOpen } from '../../kernel/identity/revoke-open-invitations.js'
import { hasRoom, QUEUED_MAX } from '../../kernel/mail/outbox.js'
import { Problem } from '../../kernel/problems/problems.js'
import { actingUser } from '../../kernel/store/audit-record.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'

/** The maximum number of open invitations of a tenant. A team needs fewer. */
const OPEN_MAX = 500
/** When a client may try again to invite after the queue of its tenant was full. */
const QUEUE_FULL_SECONDS = 60

/**
 * Checks that the inviter has verified their own email. Otherwise every address that a program registers could send mails to
 * strangers. The gateway itself has no address.
 * @throws Problem `email_unverified`
 */
export async function checkInviter(scope: WriteScope): Promise<void> {
  const user_id = actingUser(scope.actor)
  if (user_id === null) return
  const [inviter] = (await scope.queries.execute(
    sql`select is_verified from find_user_by_id(${user_id}::uuid)`,
  )) as unknown as { is_verified: boolean }[]
  if (inviter?.is_verified === true) return
  throw new Problem('email_unverified', { detail: 'Verify your own email address before you invite other users.' })
}

/** @throws Problem `already_exists` if the user with the address is a member */
export async function checkNoMember({ queries }: ReadScope, tenant_id: string, email: string): Promise<void> {
  const found = await queries.execute(
    sql`select 1 from memberships m join find_user_by_email(${email}) u on u.id = m.user_id where m.tenant_id = ${tenant_id}`,
  )
  if ((found as unknown as unknown[]).length > 0) {
    throw new Problem('already_exists', {
      detail: 'The user with this address is already a member.',
      members: { conflicting_field: 'email' },
    })
  }
}

/** @throws Problem `limit_reached` if the tenant has the maximum number of open invitations */
export async function checkRoom({ queries, now }: ReadScope, tenant_id: string): Promise<void> {
  const open = await queries
    .select({ id: invitations.id })
    .from(invitations)
    .where(and(eq(invitations.tenant_id, tenant_id), isOpen, gt(invitations.expires_at, now)))
    .limit(OPEN_MAX)
  if (open.length >= OPEN_MAX) {
    throw new Problem('limit_reached', {
      detail: `A tenant can have ${OPEN_MAX} open invitations. Revoke some first.`,
    })
  }
}

/** Checks that another mail of the tenant can wait. The tenant is locked. @throws Problem `limit_reached` */
export async function checkQueue(scope: ReadScope, tenant_id: string): Promise<void> {
  if (await hasRoom(scope, 'invitation', tenant_id)) return
  throw new Problem('limit_reached', {
    detail: `${QUEUED_MAX.invitation} invitations of this tenant wait for the mail server. Retry after the seconds in Retry-After.`,
    headers: { 'retry-after': String(QUEUE_FULL_SECONDS) },
  })
}
