import { hash } from 'node:crypto'
import { type AuditEvent, digestOfEvent } from '../../kernel/store/audit-record.js'

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
  | { readonly ok: false; readonly line: number; readonly reason: string }

/**
 * Checks that the lines of an export, newest first, are a contiguous part of one chain: positions without gap or repeat,
 * one tenant, and each hash computed from the previous hash and the digest of the event. It holds two lines at a time, so
 * the length of an export is not limited.
 */
export async function verifyChain(lines: AsyncIterable<string>): Promise<Verdict> {
  let newest: ChainedEvent | undefined
  let after: ChainedEvent | undefined
  let line = 0
  for await (const text of lines) {
    line += 1
    const event = eventOf(text)
    if (event === undefined) return { ok: false, line, reason: 'the line is not an event of an export' }
    const reason = after && misplaced(event, after)
    if (reason !== undefined) return { ok: false, line, reason }
    if (after !== undefined && !follows(after, event.hash)) return { ok: false, line: line - 1, reason: BAD_HASH }
    newest ??= event
    after = event
  }
  if (newest === undefined || after === undefined) return { ok: false, line: 0, reason: 'the export has no events' }
  const is_whole = after.chain_seq === 1
  // The oldest event of a part has no predecessor to compare with, unless it is the first of the chain.
  if (is_whole && !follows(after, '')) return { ok: false, line, reason: BAD_HASH }
  return { ok: true, events: line, first: after.chain_seq, last: newest.chain_seq, is_whole }
}

const BAD_HASH = 'its hash is not that of the event before it and of what it says'

/** Parses the event of a line. Returns undefined if an export cannot have written the line, as with a duplicate name. */
function eventOf(text: string): ChainedEvent | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || JSON.stringify(value) !== text) return undefined
  const { chain_seq, hash: given } = value as Partial<ChainedEvent>
  const is_event = Number.isSafeInteger(chain_seq) && (chain_seq as number) >= 1 && /^[0-9a-f]{64}$/.test(String(given))
  return is_event ? (value as ChainedEvent) : undefined
}

/** Says what is wrong with the position of an event. In an export, a later event comes before it. */
function misplaced(event: ChainedEvent, after: ChainedEvent): string | undefined {
  if (event.tenant_id !== after.tenant_id) return 'it belongs to another tenant than the line before it'
  if (event.chain_seq === after.chain_seq) return 'its position stands there twice'
  if (event.chain_seq > after.chain_seq) return 'it is out of order: an export is written newest first'
  if (event.chain_seq === after.chain_seq - 1) return undefined
  return `positions ${after.chain_seq - 1} down to ${event.chain_seq + 1} are missing before it`
}

/** Checks that the hash of an event matches the previous hash and the content of the event. */
function follows(event: ChainedEvent, hash_before: string): boolean {
  const { chain_seq: _chain_seq, hash: given, ...told } = event
  return given === hash('sha256', Buffer.concat([Buffer.from(hash_before, 'hex'), digestOfEvent(told)]), 'hex')
}
