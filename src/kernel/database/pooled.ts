import pg from 'pg'
import { LOWER_CASE_UUID } from '../ids/uuid.js'
import { BIND_STATEMENT, BoundQuery } from './bound-query.js'
import { toInstant } from './columns.js'
import {
  type Binding,
  boundTenant,
  type Database,
  FACTS_SHARE,
  MIGRATION_LOCK,
  type OwnerConnection,
  type Row,
  type Run,
  type Statement,
  shareOf,
  type Work,
} from './database.js'
import { destroy } from './destroy.js'
import { driverError } from './errors.js'
import { FairShares } from './fair-shares.js'
import { CHANGED_FACTS, FinalQuery } from './final-query.js'
import { listening } from './listening.js'
import { Pulse } from './pulse.js'
import { lookAtPooling, SET_SESSION } from './session-settings.js'
import { statementName } from './statement-names.js'

const CONNECT_TIMEOUT_MS = 3_000
/** Longer than the timeout of the server. It ends queries on a network that drops packets. */
const QUERY_TIMEOUT_MS = 8_000
/** SQLSTATE of a write on a server that only reads. After a failover the pool must not keep the connection to it. */
const ONLY_READS = '25006'
/** Idle connections to a server that only reads are replaced as often. A server can stay like this for hours. */
const REPLACE_EVERY_MS = 3_000
/** Connections that only read facts of callers. Requests of all tenants wait for these, so nothing else may hold them. */
const FACTS_CONNECTIONS_MAX = 2
/** One tenant, user or address uses at most this part of the connections at the same time. */
const SHARE_OF_CONNECTIONS = 1 / 3

/** The parsers of the pooled engine: both engines return the same JavaScript values for a type. */
export const TYPES: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === pg.types.builtins.INT8) return Number
    if (oid === pg.types.builtins.TIMESTAMPTZ) return toInstant
    return pg.types.getTypeParser(oid, format as 'text')
  }) as pg.CustomTypesConfig['getTypeParser'],
}

/**
 * Opens a pool to a PostgreSQL server. It does not connect before the first query.
 *
 * @param on_error receives errors of idle connections. Without a listener, such an error would end the process.
 * @param direct_url the same database without a pooler. Given if `url` leads to one in transaction mode: then the pool sends
 *   no named statements, and sets nothing for a session, because each transaction can have another session.
 */
export function openPooled(
  url: string,
  connections_max: number,
  on_error: (error: Error) => void,
  direct_url?: string,
): Database {
  const shares_sessions = direct_url !== undefined
  const settings = {
    connectionString: url,
    types: TYPES,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: 'gatehouse',
  }
  const direct = { ...settings, connectionString: direct_url ?? url }
  const options = {
    ...settings,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    query_timeout: QUERY_TIMEOUT_MS,
    ...(!shares_sessions && { onConnect: prepareSession }),
  } as pg.PoolConfig
  const nameOf = shares_sessions ? () => undefined : statementName
  const pool = new pg.Pool({ ...options, max: connections_max })
  const facts_pool = new pg.Pool({ ...options, max: FACTS_CONNECTIONS_MAX })
  for (const each of [pool, facts_pool]) each.on('error', on_error)
  const clients = new Set<pg.PoolClient>()
  for (const each of [pool, facts_pool]) {
    each.on('connect', (client) => clients.add(client))
    each.on('remove', (client) => clients.delete(client))
  }
  const pulse = new Pulse({
    probe: () => facts_pool.query('select 1'),
    // Otherwise they would be used again, and each would take its own time limit to fail.
    onSilence() {
      for (const client of clients) destroy(client)
    },
  })
  let replaced_at_ms = Number.NEGATIVE_INFINITY
  const share_max = Math.max(1, Math.floor(connections_max * SHARE_OF_CONNECTIONS))
  const shares = new FairShares({ connections_max, share_max })

  return {
    engine: 'pooled',
    async readOne(binding, statement) {
      const query = new BoundQuery(binding.role, boundTenant(binding), {
        name: nameOf(statement.text),
        is_prepared: !shares_sessions,
        text: statement.text,
        values: statement.values,
        rowMode: statement.row_mode === 'array' ? 'array' : undefined,
        types: TYPES,
      })
      const share = shareOf(binding)
      return pulse.guard(async () =>
        share === FACTS_SHARE
          ? query.sendOn(await facts_pool.connect())
          : shares.run(share, async () => query.sendOn(await pool.connect())),
      )
    },
    async transaction(binding, work, onFactsChanged) {
      const { result, xid } = await pulse.guard(() =>
        shares.run(shareOf(binding), () => inTransaction(pool, binding, work, nameOf)),
      )
      if (xid !== null) onFactsChanged?.(xid)
      return result
    },
    async replaceIdle() {
      const now_ms = performance.now()
      if (now_ms - replaced_at_ms < REPLACE_EVERY_MS) return
      replaced_at_ms = now_ms
      // The pool hands out idle connections first.
      for (let left = pool.idleCount; left > 0; left -= 1) (await pool.connect()).release(true)
    },
    owner: ownerConnection(direct),
    listen: listening(direct, pulse),
    lookAtPooling: async () => ({
      pool: await lookAtPooling(settings),
      direct: shares_sessions ? await lookAtPooling(direct) : undefined,
    }),
    fact_watchers: new Set(),
    load: () => ({ busy: pool.totalCount - pool.idleCount, waiting: shares.waiting }),
    close: async () => {
      await Promise.all([pool.end(), facts_pool.end()])
    },
  }
}

/** What a transaction returned, and its number if it changed a fact. */
interface Committed<T> {
  readonly result: T
  readonly xid: string | null
}

/** Sets the session, and prepares the binding, so that a batch of named statements never parses two. */
async function prepareSession(client: pg.ClientBase): Promise<void> {
  await client.query(SET_SESSION)
  await client.query({ ...BIND_STATEMENT, values: ['none', ''] })
}

type NameOf = (text: string) => string | undefined

async function inTransaction<T>(pool: pg.Pool, binding: Binding, work: Work<T>, nameOf: NameOf): Promise<Committed<T>> {
  const client = await pool.connect()
  // pg-pool removes its error listener while a client is checked out. A lost connection must not end the process.
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    await client.query(beginBound(binding))
    let committed: { readonly xid: string | null } | undefined
    const run: Run = async (statement) => (await client.query<Row>(queryOf(statement, nameOf))).rows
    const result = await work(run, async (statement) => {
      const { rows, changed_facts_in } = await new FinalQuery(queryOf(statement, nameOf)).sendOn(client)
      committed = { xid: changed_facts_in }
      return rows
    })
    return { result, xid: (committed ?? (await commit(client))).xid }
  } catch (error) {
    if (driverError(error)?.code === ONLY_READS) broken = error as Error
    await client.query('rollback').catch((failure: Error) => {
      broken = failure
    })
    throw error
  } finally {
    client.off('error', onError)
    // After a failed rollback the state of the connection is unknown. The argument true destroys it.
    client.release(broken !== undefined)
  }
}

/** Commits. One round trip also says whether the transaction changed a fact. */
async function commit(client: pg.PoolClient): Promise<{ readonly xid: string | null }> {
  const results = (await client.query(`${CHANGED_FACTS}; commit`)) as unknown as pg.QueryResult<{
    xid: string | null
  }>[]
  const [changed, { command } = { command: '' }] = results
  // If the work caught an error of a statement, the server answers COMMIT with ROLLBACK.
  if (command !== 'COMMIT') throw new Error('the transaction was rolled back at its commit')
  return { xid: changed?.rows[0]?.xid ?? null }
}

function queryOf({ text, values, row_mode }: Statement, nameOf: NameOf): pg.QueryConfig {
  const query = { name: nameOf(text), text, values: [...values], types: TYPES }
  return row_mode === 'object' ? query : ({ ...query, rowMode: 'array' } as pg.QueryConfig)
}

/** Begins and binds in one round trip. The simple protocol has no parameters, so the tenant must be a UUID. */
function beginBound(binding: Binding): string {
  const tenant_id = boundTenant(binding)
  if (tenant_id !== '' && !LOWER_CASE_UUID.test(tenant_id)) throw new Error('a binding names no tenant id')
  return `begin; select set_config('role', '${binding.role}', true), set_config('app.tenant_id', '${tenant_id}', true)`
}

function ownerConnection(settings: pg.ClientConfig): OwnerConnection {
  const withClient = async <T>(work: (query: (text: string) => Promise<Row[]>) => Promise<T>): Promise<T> => {
    const client = new pg.Client(settings)
    client.on('error', () => undefined)
    await client.connect()
    try {
      return await work(async (text) => (await client.query<Row>(text)).rows)
    } finally {
      await client.end()
    }
  }
  return {
    query: (text) => withClient((query) => query(text)),
    exclusively: (work) =>
      withClient(async (query) => {
        // The lock ends with the connection.
        await query(`select pg_advisory_lock(${MIGRATION_LOCK})`)
        return work(query)
      }),
  }
}
