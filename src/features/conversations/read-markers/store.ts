import { and, eq, lt } from 'drizzle-orm'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import type { WriteScope } from '../../../kernel/store/unit-of-work.js'
import { type Caller, userOf } from '../caller.js'
import { holdVisible } from '../hold-visible.js'
import { type ReadMarkerRow, read_markers } from '../table.js'

export type ReadMarkerRecord = Omit<ReadMarkerRow, 'tenant_id'>

/** Read markers of users. A marker only moves forward, in whatever order the clients of the user send it. */
export class ReadMarkersWriter {
  constructor(
    private readonly scope: WriteScope,
    private readonly tenant_id: string,
  ) {}

  /** @throws Problem `user_required`, `not_found`, `validation_failed` for a seq that does not exist yet */
  async mark(conversation_id: string, seq: number, { principal }: Caller): Promise<ReadMarkerRecord> {
    const user_id = userOf(principal)
    const { last_seq } = await holdVisible(this.scope, this.tenant_id, conversation_id, principal)
    if (seq > last_seq) {
      throw invalidField('/seq', `must be at most ${last_seq}, the newest message`)
    }
    const [moved] = await this.scope.queries
      .insert(read_markers)
      .values({ tenant_id: this.tenant_id, conversation_id, user_id, seq, updated_at: this.scope.now })
      .onConflictDoUpdate({
        target: [read_markers.tenant_id, read_markers.conversation_id, read_markers.user_id],
        set: { seq, updated_at: this.scope.now },
        setWhere: lt(read_markers.seq, seq),
      })
      .returning()
    if (moved === undefined) {
      this.scope.recordNoChange()
      return this.get(conversation_id, user_id)
    }
    this.recordChange(moved)
    return moved
  }

  private recordChange({ tenant_id, conversation_id, user_id, seq }: ReadMarkerRow): void {
    this.scope.recordChange({ kind: 'conversation', conversation_id, tenant_id, changes: { after: { read_seq: seq } } })
    this.scope.publish({ kind: 'chat_read', tenant_id, conversation_id, user_id, seq })
  }

  private async get(conversation_id: string, user_id: string): Promise<ReadMarkerRecord> {
    const [row] = await this.scope.queries
      .select()
      .from(read_markers)
      .where(
        and(
          eq(read_markers.tenant_id, this.tenant_id),
          eq(read_markers.conversation_id, conversation_id),
          eq(read_markers.user_id, user_id),
        ),
      )
    if (row === undefined) throw new Problem('not_found')
    return row
  }
}
