import { and, eq, gt, sql } from 'drizzle-orm'
import { operators } from '../../kernel/identity/operators-table.js'
import { sessions, users } from '../../kernel/identity/users-table.js'
import type { VerifiedLogin } from '../../kernel/identity/verified-login.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { ReadScope } from '../../kernel/store/unit-of-work.js'
import { instantOf } from '../../kernel/time/clock.js'

/** How long a network counts as known after a login of the user from it. */
const KNOWN_ADDRESS_DAYS = 30

/** A user, as the response to a login contains it. */
export interface SignedIn {
  readonly id: string
  readonly email: string
  readonly name: string
  readonly is_operator: boolean
}

/** The facts that a login reads, before the password is verified. */
export interface LoginRecord extends SignedIn, VerifiedLogin {
  readonly disabled_at: string | null
  readonly unlocked_at: string | null
  readonly is_known_address: boolean
}

/** Reads users for a login. */
export class LoginsReader {
  constructor(private readonly scope: ReadScope) {}

  /** Reads the user of an address for a login. Returns undefined when no user has the address. */
  async find(email: string, address: string): Promise<LoginRecord | undefined> {
    const since = instantOf(Date.parse(this.scope.now) - KNOWN_ADDRESS_DAYS * 86_400_000)
    const logins = this.scope.queries
      .select({ id: sessions.id })
      .from(sessions)
      .where(and(eq(sessions.user_id, users.id), eq(sessions.address, address), gt(sessions.created_at, since)))
    const [row] = await this.scope.queries
      .select({
        id: users.id,
        email: users.email,
        name: users.name,
        password_hash: users.password_hash,
        disabled_at: users.disabled_at,
        unlocked_at: users.unlocked_at,
        session_revocations: users.session_revocations,
        is_operator: sql<boolean>`${operators.accepted_at} is not null`,
        is_known_address: sql<boolean>`exists ${logins}`,
      })
      .from(users)
      .leftJoin(operators, eq(operators.user_id, users.id))
      .where(eq(users.email, email))
    return row
  }

  /** Reads the user of a session, as the response to a login contains it. @throws Problem `not_found` */
  async signedIn(id: string): Promise<SignedIn> {
    const [row] = await this.scope.queries
      .select({
        id: users.id,
        email: users.email,
        name: users.name,
        is_operator: sql<boolean>`${operators.accepted_at} is not null`,
      })
      .from(users)
      .leftJoin(operators, eq(operators.user_id, users.id))
      .where(eq(users.id, id))
    if (row === undefined) throw new Problem('not_found')
    return row
  }
}
