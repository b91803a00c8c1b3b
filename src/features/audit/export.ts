import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import { asNdjson } from '../../kernel/rest/exports.js'
import type { AuditLink } from './links.js'
import type { AuditRecord } from './store.js'

export type ExportFormat = 'ndjson' | 'csv'
/** A line of an export: an event, or the place of an erased one. */
export type ExportedLine = AuditRecord | AuditLink

export const EXPORT_TYPES: Readonly<Record<ExportFormat, string>> = {
  ndjson: 'application/x-ndjson; charset=utf-8',
  csv: 'text/csv; charset=utf-8; header=present',
}

const COLUMNS = [
  'chain_seq',
  'created_at',
  'tenant_id',
  'action',
  'actor_kind',
  'actor_id',
  'target_kind',
  'target_id',
  'changes',
  'address',
  'user_agent',
  'request_id',
  'id',
  'hash',
] as const

/**
 * Streams events. It reads the next batch when the client has read the last one, and ends when the client disconnects. If
 * the database fails, it breaks the connection, so that a partial export cannot be mistaken for a complete one.
 */
export function exportStream(batches: AsyncIterable<readonly ExportedLine[]>, format: ExportFormat): Readable {
  return Readable.from(format === 'ndjson' ? asNdjson(batches) : asCsv(batches), {
    objectMode: false,
    highWaterMark: 65_536,
  })
}

async function* asCsv(batches: AsyncIterable<readonly ExportedLine[]>): AsyncGenerator<string> {
  yield `${COLUMNS.join(',')}\n`
  for await (const batch of batches) yield stringify(batch.filter(isEvent).map(cells))
}

function isEvent(line: ExportedLine): line is AuditRecord {
  return !('erased' in line)
}

/** A spreadsheet would run a cell that starts like a formula (OWASP, CSV injection), so such a cell is quoted as text. */
function cells(event: AuditRecord): string[] {
  return COLUMNS.map((name) => {
    const value = event[name]
    const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
    return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  })
}
