import pg from 'pg'

/** No statement runs longer. */
export const STATEMENT_TIMEOUT_MS = 5_000
/** Shorter than the timeout of a statement: a wait for a lock is a wait for other writers of the same tenant. */
const LOCK_TIMEOUT_MS = 1_000
const IDLE_TRANSACTION_TIMEOUT_MS = 10_000

/** The settings that every session must have, whoever opened it. */
export const REQUIRED_SETTINGS: Readonly<Record<string, string>> = {
  statement_timeout: `${STATEMENT_TIMEOUT_MS / 1000}s`,
  lock_timeout: `${LOCK_TIMEOUT_MS / 1000}s`,
  idle_in_transaction_session_timeout: `${IDLE_TRANSACTION_TIMEOUT_MS / 1000}s`,
  // Instants parse fastest in UTC.
  TimeZone: 'UTC',
}

/**
 * The settings of a session that belongs to the gateway alone. The statements are look-ups and pages along an index for all
 * values, so one generic plan is right for each. By default, the server plans a page again for every request, because the
 * limit is a parameter.
 */
const OWN_SETTINGS = { ...REQUIRED_SETTINGS, plan_cache_mode: 'force_generic_plan' }

/**
 * Sets the settings of a session, in one round trip. They are no start-up parameters, because a pooler refuses those that it
 * does not know, or drops them silently.
 */
export const SET_SESSION = Object.entries(OWN_SETTINGS)
  .map(([name, value]) => `set ${name} = '${value}'`)
  .join('; ')

/** What a pooler does between the gateway and the server. */
export interface Pooling {
  /** Whether two connections can use one session of the server in turn, so that nothing that belongs to a session holds. */
  readonly shares_sessions: boolean
  /** The required settings that a session does not have by itself, as statements that give them to the login. */
  readonly missing_settings: readonly string[]
}

const LOOK = `select pg_backend_pid() as pid, current_user as login, ${Object.keys(REQUIRED_SETTINGS)
  .map((name) => `current_setting('${name}') as "${name}"`)
  .join(', ')}`

/**
 * Looks at a connection and at another one next to it. Without a pooler, and with one that gives each connection a session of
 * its own, the first keeps its process at the server, and the second has another one.
 */
export async function lookAtPooling(settings: pg.ClientConfig): Promise<Pooling> {
  const clients = [new pg.Client(settings), new pg.Client(settings)] as const
  try {
    for (const client of clients) {
      client.on('error', () => undefined)
      await client.connect()
    }
    const look = async (client: pg.Client) => (await client.query<Record<string, string>>(LOOK)).rows[0] ?? {}
    const [first, second] = clients
    const seen = [await look(first), await look(second), await look(first)] as const
    const login = pg.escapeIdentifier(String(seen[0].login))
    return {
      shares_sessions: seen[0].pid === seen[1].pid || seen[0].pid !== seen[2].pid,
      missing_settings: Object.entries(REQUIRED_SETTINGS)
        .filter(([name, value]) => seen[0][name] !== value)
        .map(([name, value]) => `alter role ${login} set ${name} = '${value}'`),
    }
  } finally {
    for (const client of clients) await client.end().catch(() => undefined)
  }
}
