import { lt } from 'drizzle-orm'
import { stream_tickets } from '../../features/conversations/stream/tickets-table.js'
import { one_time_tokens } from '../../kernel/identity/users-table.js'
import { idempotency_records } from '../../kernel/store/idempotency-table.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'

/** Rows that say nothing any more once their time is over. */
export class ExpiredRows {
  constructor(private readonly scope: ReadScope) {}

  async delete(): Promise<void> {
    await this.scope.queries.delete(one_time_tokens).where(lt(one_time_tokens.expires_at, this.scope.now))
    await this.scope.queries.delete(idempotency_records).where(lt(idempotency_records.expires_at, this.scope.now))
    await this.scope.queries.delete(stream_tickets).where(lt(stream_tickets.expires_at, this.scope.now))
  }
}
