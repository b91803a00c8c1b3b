import { Readable } from 'node:stream'
import { stringify } from 'csv-stringify/sync'
import type { AuditRecord } from './store.js'

export type ExportFormat = 'ndjson' | 'csv'

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
export function exportStream(batches: AsyncIterable<readonly AuditRecord[]>, format: ExportFormat): Readable {
  return Readable.from(format === 'ndjson' ? asLines(batches) : asCsv(batches), {
    objectMode: false,
    highWaterMark: 65_536,
  })
}

async function* asLines(batches: AsyncIterable<readonly AuditRecord[]>): AsyncGenerator<string> {
  for await (const batch of batches) yield batch.map((event) => `${JSON.stringify(event)}\n`).join('')
}

async function* asCsv(batches: AsyncIterable<readonly AuditRecord[]>): AsyncGenerator<string> {
  yield `${COLUMNS.join(',')}\n`
  for await (const batch of batches) yield stringify(batch.map(cells))
}

/** A spreadsheet would run a cell that starts like a formula (OWASP, CSV injection), so such a cell is quoted as text. */
function cells(event: AuditRecord): string[] {
  return COLUMNS.map((name) => {
    const value = event[name]
    const text = value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
    return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  })
}
