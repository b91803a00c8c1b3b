import { and, asc, desc, eq, gt, lt, lte, sql } from 'drizzle-orm'
import { compiled, queriesOn } from '../../../kernel/database/queries.js'
import { type ConversationRow, conversations } from '../table.js'
import { authorName, MESSAGE_COLUMNS, type MessageRecord } from './names.js'
import { type MessageRow, messages } from './table.js'

/** These statements run for every message and every reader, so they are compiled once. */
const builder = queriesOn(async () => [])

interface ConversationName {
  readonly tenant_id: string
  readonly conversation_id: string
}

/** What a writer of messages needs to know of the conversation that it has locked. */
type LockedConversation = Pick<ConversationRow, 'last_seq' | 'last_change' | 'status' | 'customer_id' | 'visibility'>

export const INSERT = compiled<Omit<MessageRow, 'edited_at' | 'deleted_at'>, MessageRecord>((given) =>
  builder.insert(messages).values(given).returning(MESSAGE_COLUMNS),
)

/** Takes the seq and the change number of a new message. The row stays locked until the commit. */
export const TAKE_SEQ = compiled<ConversationName & { readonly now: string }, LockedConversation>(
  ({ tenant_id, conversation_id, now }) =>
    builder
      .update(conversations)
      .set({
        last_seq: sql`${conversations.last_seq} + 1`,
        last_change: sql`${conversations.last_change} + 1`,
        // A writer that waited for the lock may have an earlier `now`; never move the time backwards.
        last_activity_at: sql`greatest(${conversations.last_activity_at}, ${now}::timestamptz)`,
      })
      .where(and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, conversation_id)))
      .returning({
        last_seq: conversations.last_seq,
        last_change: conversations.last_change,
        status: conversations.status,
        customer_id: conversations.customer_id,
        visibility: conversations.visibility,
      }),
)

/** Takes the change number of an edit or a deletion. The row is locked already. */
export const TAKE_CHANGE = compiled<ConversationName, Pick<ConversationRow, 'last_change'>>(
  ({ tenant_id, conversation_id }) =>
    builder
      .update(conversations)
      .set({ last_change: sql`${conversations.last_change} + 1` })
      .where(and(eq(conversations.tenant_id, tenant_id), eq(conversations.id, conversation_id)))
      .returning({ last_change: conversations.last_change }),
)

interface RangeValues extends ConversationName {
  readonly limit: number
  readonly after: number | undefined
  readonly before: number | undefined
}

type Given = Parameters<Parameters<typeof compiled<RangeValues, MessageRecord>>[0]>[0]

/** Messages after a seq, oldest first. */
export const ASCENDING = compiled<RangeValues, MessageRecord>((given) =>
  range(given).orderBy(asc(messages.seq)).limit(given.limit),
)

/** Messages before a seq, newest first. */
export const DESCENDING = compiled<RangeValues, MessageRecord>((given) =>
  range(given).orderBy(desc(messages.seq)).limit(given.limit),
)

function range({ tenant_id, conversation_id, after, before }: Given) {
  return builder
    .select(MESSAGE_COLUMNS)
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

interface ChangesValues extends ConversationName {
  readonly after: number
  readonly limit: number
}

/** Messages that changed after a change number, each once, in the order of their latest change. */
export const CHANGED = compiled<ChangesValues, MessageRecord>(({ tenant_id, conversation_id, after, limit }) =>
  builder
    .select(MESSAGE_COLUMNS)
    .from(messages)
    .where(
      and(eq(messages.tenant_id, tenant_id), eq(messages.conversation_id, conversation_id), gt(messages.change, after)),
    )
    .orderBy(asc(messages.change))
    .limit(limit),
)

/**
 * The log of changes after a number: the creation of each message, and the latest change of each message that was changed.
 *
 * Both halves read an index in its order and stop at the limit. The second one ends where the first one does: between these
 * numbers it skips at most as many rows as the first one has. One statement reads both, so they show one moment.
 */
export const LOG = compiled<ChangesValues, MessageRecord & { readonly log_change: number }>(
  ({ tenant_id, conversation_id, after, limit }) => sql`
    with created as (
      select *, created_change as log_change from ${messages}
      where ${messages.tenant_id} = ${tenant_id} and ${messages.conversation_id} = ${conversation_id}
        and ${messages.created_change} > ${after}
      order by ${messages.created_change} limit ${limit}
    ), changed as (
      select *, change as log_change from ${messages}
      where ${messages.tenant_id} = ${tenant_id} and ${messages.conversation_id} = ${conversation_id}
        and ${messages.change} > ${after} and ${messages.change} <> ${messages.created_change}
        and ${messages.change} <= (
          select case when count(*) < ${limit} then 2147483647 else max(created_change) end from created
        )
      order by ${messages.change} limit ${limit}
    )
    select log.*, ${authorName('log')} as author_name
    from (select * from created union all select * from changed order by log_change limit ${limit}) as log
    order by log_change`,
)

/** The newest message up to a seq. */
export const UP_TO_SEQ = compiled<ConversationName & { readonly seq: number }, Pick<MessageRow, 'created_change'>>(
  ({ tenant_id, conversation_id, seq }) =>
    builder
      .select({ created_change: messages.created_change })
      .from(messages)
      .where(
        and(eq(messages.tenant_id, tenant_id), eq(messages.conversation_id, conversation_id), lte(messages.seq, seq)),
      )
      .orderBy(desc(messages.seq))
      .limit(1),
)
