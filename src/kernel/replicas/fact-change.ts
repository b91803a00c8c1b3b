/**
 * A change of a fact, as a trigger of the database wrote it. It names the subject and not the new value, so a replica drops
 * what it remembers of the subject.
 *
 * - `all`: any fact, after a table was truncated.
 * - `tenant`: the tenant, or one of its roles.
 * - `key`: the key `id` of the tenant.
 * - `user`: the user, or their place among the operators.
 * - `session`: the session `id` of the user.
 * - `member`: the membership of the user in the tenant, with its roles and overrides.
 */
export type FactChange =
  | { readonly about: 'all' }
  | { readonly about: 'tenant'; readonly tenant_id: string }
  | { readonly about: 'key'; readonly tenant_id: string; readonly key_id: string }
  | { readonly about: 'user'; readonly user_id: string }
  | { readonly about: 'session'; readonly user_id: string; readonly session_id: string }
  | { readonly about: 'member'; readonly tenant_id: string; readonly user_id: string }

/** A row of `fact_changes` as JSON: about, tenant, user, id. */
export type ChangeRow = readonly [about: string, tenant_id: string | null, user_id: string | null, id: string | null]

/** The row as a change. A subject that this release does not know can concern anything. */
export function changeOf([about, tenant_id, user_id, id]: ChangeRow): FactChange {
  if (about === 'tenant' && tenant_id !== null) return { about, tenant_id }
  if (about === 'key' && tenant_id !== null && id !== null) return { about, tenant_id, key_id: id }
  if (about === 'user' && user_id !== null) return { about, user_id }
  if (about === 'session' && user_id !== null && id !== null) return { about, user_id, session_id: id }
  if (about === 'member' && tenant_id !== null && user_id !== null) return { about, tenant_id, user_id }
  return { about: 'all' }
}
