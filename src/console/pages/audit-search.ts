/** The filters of the audit in the URL. The gateway checks their values. */
export interface AuditSearch {
  readonly action?: string
  readonly actor_id?: string
  readonly target_id?: string
  /** Instants, as the API takes them. */
  readonly from?: string
  readonly to?: string
  readonly cursor?: string
}

const NAMES = ['action', 'actor_id', 'target_id', 'from', 'to', 'cursor'] as const

export function readAuditSearch(search: Record<string, unknown>): AuditSearch {
  return Object.fromEntries(
    NAMES.map((name) => [name, search[name]] as const).filter(([, value]) => typeof value === 'string' && value !== ''),
  )
}
