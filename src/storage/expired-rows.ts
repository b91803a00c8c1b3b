import { lt } from 'drizzle-orm'
import { one_time_tokens } from '../auth/table.js'
import { idempotency_records } from '../idempotency/table.js'
import { stream_tickets } from '../realtime/table.js'
import type { ReadScope } from './unit-of-work.js'

/** Rows that say nothing any more once their time is over. */
export class ExpiredRows {
  constructor(private readonly scope: ReadScope) {}

  async delete(): Promise<void> {
    await this.scope.queries.delete(one_time_tokens).where(lt(one_time_tokens.expires_at, this.scope.now))
    await this.scope.queries.delete(idempotency_records).where(lt(idempotency_records.expires_at, this.scope.now))
    await this.scope.queries.delete(stream_tickets).where(lt(stream_tickets.expires_at, this.scope.now))
  }
}
