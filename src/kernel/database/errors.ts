import { type Problem, unavailable } from '../problems/problems.js'

interface DriverError extends Error {
  readonly code?: string
  readonly constraint?: string
}

/** Finds the error of the driver among the causes of an error. */
export function driverError(error: unknown): DriverError | undefined {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (typeof (current as DriverError).code === 'string') return current as DriverError
  }
  return undefined
}

/** SQLSTATE of a foreign key and of a unique constraint that a statement would have broken. */
const BROKEN_CONSTRAINTS = ['23503', '23505']

/**
 * Runs a write, and turns a broken constraint into the problem that it means to the caller. The keys are names of foreign
 * keys and unique constraints; any other error is thrown as it is. After the error the transaction can only roll back.
 */
export async function mapConstraint<T>(
  problems: Readonly<Record<string, (cause: unknown) => Problem>>,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write()
  } catch (error) {
    const { code = '', constraint = '' } = driverError(error) ?? {}
    const problem = BROKEN_CONSTRAINTS.includes(code) ? problems[constraint] : undefined
    throw problem?.(error) ?? error
  }
}

/**
 * SQLSTATEs and socket errors after which the same request may succeed later: connection (08), login refused (28),
 * insufficient resources (53), operator intervention (57: shutdown, cancelled by timeout), serialization failure and
 * deadlock (40), a lock that another transaction holds (55P03), transaction timeouts (25P02 to 25P04), a server that only
 * reads (25006), and errors of the network, of name lookups and of TLS.
 */
const PASSING =
  /^(08|28|53|57|40)[0-9A-Z]{3}$|^(55P03|25006|25P0[234])$|^E[A-Z_]{3,}$|^ERR_(TLS|SSL|OSSL)_|CERT|^UNABLE_TO_/

/** Messages of pg errors that have no code. */
const UNREACHABLE =
  /^(timeout exceeded when trying to connect|Connection terminated|Query read timeout|connection timeout|Client has encountered a connection error|Cannot use a pool after calling end)/i

/** Returns a 503 for a transient error, or undefined for any other error. */
export function asUnavailable(error: unknown): Problem | undefined {
  const cause = driverError(error)
  const passing =
    cause === undefined ? isUnreachable(error) : PASSING.test(cause.code as string) || isUnreachable(cause)
  return passing ? unavailable('the database is not available', 2, error) : undefined
}

function isUnreachable(error: unknown): boolean {
  for (let current = error; current instanceof Error; current = current.cause) {
    if (UNREACHABLE.test(current.message)) return true
  }
  return false
}
