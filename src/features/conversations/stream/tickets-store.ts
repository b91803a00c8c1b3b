import { and, eq, gt, isNull } from 'drizzle-orm'
import { v7 as uuidv7 } from 'uuid'
import type { Credential } from '../../../kernel/authz/caller.js'
import { createTicket, digestOfTicket, TICKET_SECONDS } from '../../../kernel/credentials/ticket.js'
import { mapConstraint } from '../../../kernel/database/errors.js'
import { LOWER_CASE_UUID } from '../../../kernel/ids/uuid.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { ReadScope, WriteScope } from '../../../kernel/store/unit-of-work.js'
import { instantOf } from '../../../kernel/time/clock.js'
import { stream_tickets } from './tickets-table.js'

/** The credential of a user that a ticket replaces. */
export interface UserCredential extends Credential {
  readonly user_id: string
  readonly session_id: string
  readonly token_expires_at_ms: number
}

type TicketName = Pick<typeof stream_tickets.$inferSelect, 'id' | 'conversation_id'>

/** Makes tickets of a tenant. */
export class TicketsWriter {
  constructor(
    private readonly scope: WriteScope,
    private readonly tenant_id: string,
  ) {}

  /**
   * Makes a ticket that opens the stream of one conversation as the user of this credential, once, for a short time.
   * @throws Problem `user_required` for a key alone: a program that holds the key can send it in headers; `not_found` if the
   * conversation was deleted since the request was checked
   */
  async issue(conversation_id: string, credential: Credential) {
    const { user_id, session_id, key_id, key_digest, token_expires_at_ms } = credential
    if (user_id === null || session_id === null || token_expires_at_ms === null) throw new Problem('user_required')
    const { ticket, digest } = createTicket()
    const id = uuidv7()
    const created_at = this.scope.now
    const expires_at = instantOf(Date.parse(created_at) + TICKET_SECONDS * 1000)
    const token_expires_at = instantOf(token_expires_at_ms)
    const [row] = await mapConstraint(CONSTRAINTS, () =>
      this.scope.queries
        .insert(stream_tickets)
        .values({
          ...{ tenant_id: this.tenant_id, id, digest, conversation_id, user_id, session_id },
          ...{ key_id, key_digest: Buffer.from(key_digest), token_expires_at, created_at, expires_at },
        })
        .returning({ id: stream_tickets.id, conversation_id: stream_tickets.conversation_id }),
    )
    this.recordChange(row as TicketName)
    return { id, ticket, expires_at }
  }

  private recordChange({ id, conversation_id }: TicketName): void {
    this.scope.recordChange({ kind: 'stream_ticket', id, tenant_id: this.tenant_id, changes: { conversation_id } })
  }
}

const CONSTRAINTS = {
  stream_tickets_conversation_fkey: (cause: unknown) => new Problem('not_found', { cause }),
}

/** Redeems tickets, before the tenant of the request is known. */
export class TicketRedeemer {
  constructor(private readonly scope: ReadScope) {}

  /** Redeems a ticket. Returns its credential; undefined when it is unknown, used, expired, or for another conversation. */
  async redeem(ticket: string, conversation_id: string): Promise<UserCredential | undefined> {
    if (!LOWER_CASE_UUID.test(conversation_id)) return undefined
    const [used] = await this.scope.queries
      .update(stream_tickets)
      .set({ used_at: this.scope.now })
      .where(
        and(
          eq(stream_tickets.digest, digestOfTicket(ticket)),
          eq(stream_tickets.conversation_id, conversation_id),
          isNull(stream_tickets.used_at),
          gt(stream_tickets.expires_at, this.scope.now),
        ),
      )
      .returning()
    if (used === undefined) return undefined
    const { tenant_id, key_id, key_digest, session_id, user_id, token_expires_at } = used
    return { tenant_id, key_id, key_digest, session_id, user_id, token_expires_at_ms: Date.parse(token_expires_at) }
  }
}
