import { hash } from 'node:crypto'
import { type AuditEvent, digestOfEvent } from '../../kernel/store/audit-record.js'
import { ErasedPositions } from './erased-positions.js'
import type { AuditLink } from './links.js'

/** A line of an export: the event, its position in the chain, and the hash that the database computed. */
export interface ChainedEvent extends AuditEvent {
  readonly chain_seq: number
  readonly hash: string
}

type Line = ChainedEvent | AuditLink

export type Verdict =
  | {
      readonly ok: true
      /** Lines, with those of erased events. */
      readonly events: number
      readonly erased: number
      readonly first: number
      readonly last: number
      readonly is_whole: boolean
    }
  | { readonly ok: false; readonly line: number; readonly reason: string }

/**
 * Checks that the lines of an export, newest first, are a contiguous part of one chain: positions without gap or repeat,
 * one tenant, and each hash computed from the previous hash and the digest of the event. The line of an erased event has
 * only its digest, so a later event of the chain must say that its position was erased.
 *
 * It holds two lines and the erased positions at a time, so the length of an export is not limited.
 */
export async function verifyChain(lines: AsyncIterable<string>): Promise<Verdict> {
  const announced = new ErasedPositions()
  let newest: Line | undefined
  let after: Line | undefined
  let line = 0
  let erased = 0
  for await (const text of lines) {
    line += 1
    const current = lineOf(text)
    if (current === undefined) return { ok: false, line, reason: 'the line is not an event of an export' }
    const reason = (after && misplaced(current, after)) ?? unannounced(current, announced)
    if (reason !== undefined) return { ok: false, line, reason }
    if (after !== undefined && !follows(after, current.hash)) return { ok: false, line: line - 1, reason: BAD_HASH }
    if (isErased(current)) erased += 1
    else announced.add(current)
    newest ??= current
    after = current
  }
  if (newest === undefined || after === undefined) return { ok: false, line: 0, reason: 'the export has no events' }
  const is_whole = after.chain_seq === 1
  // The oldest event of a part has no predecessor to compare with, unless it is the first of the chain.
  if (is_whole && !follows(after, '')) return { ok: false, line, reason: BAD_HASH }
  return { ok: true, events: line, erased, first: after.chain_seq, last: newest.chain_seq, is_whole }
}

const BAD_HASH = 'its hash is not that of the event before it and of what it says'
const HEX_OF_SHA256 = /^[0-9a-f]{64}$/

/** Parses a line. Returns undefined if an export cannot have written it, as with a duplicate name. */
function lineOf(text: string): Line | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null || JSON.stringify(value) !== text) return undefined
  const { chain_seq, hash: given } = value as Partial<ChainedEvent>
  const is_placed = Number.isSafeInteger(chain_seq) && (chain_seq as number) >= 1 && HEX_OF_SHA256.test(String(given))
  if (!is_placed || ('erased' in value && !isLink(value))) return undefined
  return value as Line
}

/** Whether the value has the members of a link and no others. Nothing covers another member, so it could say anything. */
function isLink(value: object): value is AuditLink {
  const names = ['tenant_id', 'chain_seq', 'erased', 'digest', 'hash']
  const { erased, digest } = value as Partial<AuditLink>
  const has_names = Object.keys(value).length === names.length && names.every((name) => name in value)
  return has_names && erased === true && HEX_OF_SHA256.test(String(digest))
}

function isErased(line: Line): line is AuditLink {
  return 'erased' in line
}

/** Says what is wrong with the position of a line. In an export, a later event comes before it. */
function misplaced(line: Line, after: Line): string | undefined {
  if (line.tenant_id !== after.tenant_id) return 'it belongs to another tenant than the line before it'
  if (line.chain_seq === after.chain_seq) return 'its position stands there twice'
  if (line.chain_seq > after.chain_seq) return 'it is out of order: an export is written newest first'
  if (line.chain_seq === after.chain_seq - 1) return undefined
  return `positions ${after.chain_seq - 1} down to ${line.chain_seq + 1} are missing before it`
}

/** Says that no later event names an erased position. Whoever cuts events out of a file could otherwise leave links. */
function unannounced(line: Line, announced: ErasedPositions): string | undefined {
  if (!isErased(line) || announced.has(line.chain_seq)) return undefined
  return 'it is erased, and no later event of the file says so; if the retention ran during the export, export again'
}

/** Checks that the hash of a line matches the previous hash and the content of the event. */
function follows(line: Line, hash_before: string): boolean {
  return line.hash === hash('sha256', Buffer.concat([Buffer.from(hash_before, 'hex'), digestOf(line)]), 'hex')
}

function digestOf(line: Line): Buffer {
  if (isErased(line)) return Buffer.from(line.digest, 'hex')
  const { chain_seq: _chain_seq, hash: _hash, ...told } = line
  return digestOfEvent(told)
}
