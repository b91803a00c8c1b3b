import { and, asc, desc, eq, gt, lt } from 'drizzle-orm'
import { QueryBuilder } from 'drizzle-orm/pg-core'
import { compiled } from '../../../kernel/database/queries.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { type OrderedPage, pageOf, type Rows } from '../../../kernel/rest/pagination.js'
import type { ReadScope } from '../../../kernel/store/unit-of-work.js'
import { type MessageShown, messageShown } from '../shown.js'
import { type MessageRow, messages } from './table.js'

const builder = new QueryBuilder()

interface RangeValues {
  readonly tenant_id: string
  readonly conversation_id: string
  readonly limit: number
  readonly after: number | undefined
  readonly before: number | undefined
}

const ASCENDING = compiled<RangeValues, MessageRow>((given) =>
  range(given).orderBy(asc(messages.seq)).limit(given.limit),
)
const DESCENDING = compiled<RangeValues, MessageRow>((given) =>
  range(given).orderBy(desc(messages.seq)).limit(given.limit),
)

type Given = Parameters<Parameters<typeof compiled<RangeValues, MessageRow>>[0]>[0]

function range({ tenant_id, conversation_id, after, before }: Given) {
  return builder
    .select()
    .from(messages)
    .where(
      and(
        eq(messages.tenant_id, tenant_id),
        eq(messages.conversation_id, conversation_id),
        after && gt(messages.seq, after),
        before && lt(messages.seq, before),
      ),
    )
    .$dynamic()
}

/** Reads messages of a conversation. Whether the caller sees the conversation is asked before. */
export class MessagesReader {
  constructor(
    protected readonly scope: ReadScope,
    protected readonly tenant_id: string,
  ) {}

  /** Messages behind a seq, in their order: what somebody missed. */
  async after(conversation_id: string, seq: number, limit: number): Promise<MessageShown[]> {
    const values = { tenant_id: this.tenant_id, conversation_id, after: seq, before: undefined, limit }
    return (await this.scope.queries.run(ASCENDING(values))).map(messageShown)
  }

  /** A page of messages: behind a seq in their order, or, without one, newest first. */
  async list(conversation_id: string, after: number | undefined, page: OrderedPage): Promise<Rows<MessageShown>> {
    const values = { tenant_id: this.tenant_id, conversation_id, limit: page.limit + 1 }
    const rows =
      after === undefined
        ? await this.scope.queries.run(DESCENDING({ ...values, after: undefined, before: page.after?.order }))
        : await this.scope.queries.run(
            ASCENDING({ ...values, after: Math.max(after, page.after?.order ?? 0), before: undefined }),
          )
    return pageOf(rows.map(messageShown), page.limit)
  }

  /** @throws Problem `not_found` */
  async get(conversation_id: string, id: string): Promise<MessageShown> {
    const [row] = await this.scope.queries.select().from(messages).where(this.isThis(conversation_id, id))
    if (row === undefined) throw new Problem('not_found')
    return messageShown(row)
  }

  protected isThis(conversation_id: string, id: string) {
    return and(
      eq(messages.tenant_id, this.tenant_id),
      eq(messages.conversation_id, conversation_id),
      eq(messages.id, id),
    )
  }
}
