import { hash } from 'node:crypto'
import { type AuditEvent, digestOfEvent } from './record.js'

/** A line of an export: the event, its position in the chain, and the hash that the database computed. */
export interface ChainedEvent extends AuditEvent {
  readonly chain_seq: number
  readonly hash: string
}

export type Verdict =
  | {
      readonly ok: true
      readonly events: number
      readonly first: number
      readonly last: number
      readonly is_whole: boolean
    }
  | { readonly ok: false; readonly at: number; readonly reason: string }

/**
 * Checks that exported events are an unbroken piece of one chain: positions without gap or repeat, one tenant, and each
 * hash that of the hash before it and the event's own digest. Order does not matter.
 */
export function verifyChain(events: readonly ChainedEvent[]): Verdict {
  const sorted = [...events].sort((left, right) => left.chain_seq - right.chain_seq)
  const [first] = sorted
  if (first === undefined) return { ok: false, at: 0, reason: 'there are no events in it' }
  let before: ChainedEvent | undefined
  for (const event of sorted) {
    const reason = wrongWith(event, before)
    if (reason !== undefined) return { ok: false, at: event.chain_seq, reason }
    before = event
  }
  return {
    ok: true,
    events: sorted.length,
    first: first.chain_seq,
    last: before?.chain_seq ?? first.chain_seq,
    is_whole: first.chain_seq === 1,
  }
}

function wrongWith(event: ChainedEvent, before: ChainedEvent | undefined): string | undefined {
  if (before !== undefined && event.tenant_id !== before.tenant_id)
    return 'it belongs to another tenant than the one before it'
  if (before !== undefined && event.chain_seq === before.chain_seq) return 'its position stands there twice'
  if (before !== undefined && event.chain_seq !== before.chain_seq + 1) {
    return `events ${before.chain_seq + 1} to ${event.chain_seq - 1} are missing before it`
  }
  // The first event of a piece has no predecessor to be held against, unless it begins the chain.
  if (before === undefined && event.chain_seq !== 1) return undefined
  const { chain_seq: _chain_seq, hash: given, ...told } = event
  const expected = hash('sha256', Buffer.concat([Buffer.from(before?.hash ?? '', 'hex'), digestOfEvent(told)]), 'hex')
  return expected === given ? undefined : 'its hash is not that of the event before it and of what it says'
}
