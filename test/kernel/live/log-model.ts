import { setImmediate } from 'node:timers/promises'
import type { MessageChange, StreamMessage } from '../../../src/contract/stream-frames.js'
import type { Connection, Transport } from '../../../src/kernel/live/connection.js'
import type { ConversationLog, LogEntry } from '../../../src/kernel/live/conversation-log.js'
import type { Follower } from '../../../src/kernel/live/follower.js'
import type { Outgoing } from '../../../src/kernel/live/frames.js'
import { Subscription } from '../../../src/kernel/live/subscription.js'
import type { MessageEvent } from '../../../src/kernel/store/events.js'

export const HERE = { tenant_id: 'a', conversation_id: 'b' }

export interface ModelMessage extends StreamMessage {
  readonly created_change: number
  readonly content: string | null
}

/** A frame as a client receives it. */
export interface ReceivedFrame {
  readonly type: string
  readonly id: number
  readonly payload: ModelMessage
}

/** Returns a log in memory that answers asynchronously, as a database does. */
export function openLog() {
  const rows: ModelMessage[] = []
  let last_change = 0
  let fails = 0
  let reads = 0

  const entriesAfter = (after: number): LogEntry[] => {
    const entries = rows.flatMap((message): LogEntry[] => {
      const { change, created_change } = message
      const creation = { kind: 'chat_message' as const, change: created_change, created_change, message }
      return change === created_change
        ? [creation]
        : [creation, { kind: kindOf(message), change, created_change, message }]
    })
    return entries.filter(({ change }) => change > after).sort((left, right) => left.change - right.change)
  }
  const log: ConversationLog = {
    seen: async () => new Map(),
    changeOfSeq: async (_tenant, _conversation, seq) => rows.findLast((row) => row.seq <= seq)?.created_change ?? 0,
    exists: async (_tenant, _conversation, after) =>
      rows.some((row) => ('seq' in after ? row.seq > after.seq : row.change > after.change)),
    async changes(_tenant, _conversation, after, limit) {
      reads += 1
      const answer = entriesAfter(after).slice(0, limit)
      await setImmediate()
      if (fails > 0) {
        fails -= 1
        throw new Error('away')
      }
      return answer
    },
  }
  const change = (index: number, content: string | null): MessageEvent | undefined => {
    const before = rows[index]
    if (before === undefined || before.content === null) return undefined
    last_change += 1
    const message = { ...before, content, change: last_change }
    rows[index] = message
    return { kind: kindOf(message), ...HERE, change: last_change, message }
  }
  return {
    log,
    rows: (): readonly ModelMessage[] => rows,
    write(): MessageEvent {
      last_change += 1
      const seq = rows.length + 1
      const message = { id: `m${seq}`, seq, created_change: last_change, change: last_change, content: 'written' }
      rows.push(message)
      return { kind: 'chat_message', ...HERE, change: last_change, message }
    },
    /** Edits a message. @returns undefined if it is deleted */
    edit: (index: number) => change(index, `edited at ${last_change + 1}`),
    /** Deletes a message. @returns undefined if it is deleted already */
    remove: (index: number) => change(index, null),
    /** Removes the row of a message, which leaves its numbers empty. */
    purge: (index: number) => void rows.splice(index, 1),
    end: () => ({ last_seq: rows.at(-1)?.seq ?? 0, last_change }),
    failNext: () => {
      fails = 1
    },
    reads: () => reads,
  }
}

function kindOf({ content }: ModelMessage): MessageChange {
  return content === null ? 'chat_message_deleted' : 'chat_message_updated'
}

/** Opens a subscription whose frames the test reads. `disconnect` ends it, as a connection that breaks. */
export function openListener(follower: Follower, log: ConversationLog, is_congested = () => false) {
  const heard: ReceivedFrame[] = []
  const connection = { is_open: true }
  const transport: Transport = {
    send(outgoing: Outgoing) {
      if (connection.is_open) heard.push(JSON.parse(String(outgoing.frame)))
    },
    get is_congested() {
      return is_congested()
    },
    drained: async () => {
      await setImmediate()
    },
    end: () => undefined,
    tick: () => undefined,
  }
  const subscription = new Subscription(follower, log, connection as Connection, transport)
  const of = (type: string) => heard.filter((frame) => frame.type === type).map(({ payload }) => payload)
  return {
    subscription,
    heard,
    of,
    seqs: () => of('chat_message').map((message) => message.seq),
    disconnect() {
      connection.is_open = false
      subscription.stop()
    },
  }
}
