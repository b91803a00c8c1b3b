import { type SQL, sql } from 'drizzle-orm'

/**
 * Names are read together with the rows that name a person by an id, and never stored with them. So a changed name shows in
 * the next response, and the name of a deleted user is gone everywhere.
 *
 * The functions return SQL. Their arguments are SQL too: the tenant and the id of the outer row.
 */

/** The name of a user who is or was a member of the tenant, for a statement of the tenant. Null for every other user. */
export function knownUserName(tenant_id: string, user_id: string): string {
  return `(select n.name from known_users n where n.tenant_id = ${tenant_id} and n.user_id = ${user_id})`
}

/** The name of any user, for a statement of the platform. */
export function userName(user_id: string): string {
  return `(select n.name from users n where n.id = ${user_id})`
}

/** The name of a tenant key, also of a revoked one. */
export function keyName(tenant_id: string, key_id: string): string {
  return `(select n.name from tenant_keys n where n.tenant_id = ${tenant_id} and n.id = ${key_id})`
}

/**
 * A UUID in a column of text. The cast is in a select of its own: with row-level security, PostgreSQL uses no index for a
 * condition with a function that could reveal a value in an error, and would read every row of the table for each name.
 */
export function asUuid(text: string): string {
  return `(select ${text}::uuid)`
}

/** Chooses a name by the kind of an actor, an author or a target. Null for a kind without SQL. */
export function nameByKind<Kind extends string>(
  kind: string,
  names: Readonly<Record<Kind, string | null>>,
): NameColumn {
  const named = Object.entries<string | null>(names).filter(([, name]) => name !== null)
  const cases = named.map(([each, name]) => `when '${each}' then ${name}`)
  return asName(cases.length === 0 ? 'null' : `case ${kind} ${cases.join(' ')} end`)
}

/** A column with a name, or null. */
export type NameColumn = SQL<string | null>

/** Makes a column from the SQL of a name. */
export function asName(name: string): NameColumn {
  return sql<string | null>`${sql.raw(name)}`
}
