export interface RolesSearch {
  /** A part of the names of the scopes that are shown. */
  readonly filter?: string
}

export function readRolesSearch(search: Record<string, unknown>): RolesSearch {
  return typeof search.filter === 'string' && search.filter !== '' ? { filter: search.filter } : {}
}
