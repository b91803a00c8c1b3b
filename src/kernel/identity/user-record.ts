import { eq } from 'drizzle-orm'
import { Problem } from '../problems/problems.js'
import type { ReadScope } from '../store/unit-of-work.js'
import { users } from './users-table.js'

/** A user without the columns that only a login may read. */
export interface UserRecord {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly email_verified_at: string | null
  readonly disabled_at: string | null
  readonly created_at: string
}

export const userColumns = {
  id: users.id,
  email: users.email,
  name: users.name,
  email_verified_at: users.email_verified_at,
  disabled_at: users.disabled_at,
  created_at: users.created_at,
}

/** @throws Problem `not_found` */
export async function getUser({ queries }: ReadScope, id: string): Promise<UserRecord> {
  const [row] = await queries.select(userColumns).from(users).where(eq(users.id, id))
  if (row === undefined) throw new Problem('not_found')
  return row
}
