import pg from 'pg'

/** Sets the database role and the tenant until the end of the transaction. */
export const BIND_STATEMENT = {
  name: 'gatehouse_bind',
  text: "select set_config('role', $1, true), set_config('app.tenant_id', $2, true)",
}

interface Connection {
  parse(config: { name: string; text: string; types: readonly number[] }): void
  bind(config: { portal: string; statement: string; values: unknown[] }): void
  execute(config: { portal: string; rows?: number }): void
  sync(): void
}

/** The columns of a statement, as `pg` keeps them in a result. */
interface Columns {
  fields: unknown
  _parsers: unknown
  _prebuiltEmptyResultObject: unknown
}

/**
 * The columns of the prepared statements of each connection, by statement name. The server describes each statement once.
 * The columns of a prepared statement cannot change: if its table changes, the server fails the statement, and the pool
 * discards the connection.
 */
const described = new WeakMap<Connection, Map<string, Columns>>()

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils

/** The methods that `pg` calls on the running query (its Submittable), with the members that this class overrides. */
interface QueryInternals {
  name: string | undefined
  values: unknown[]
  queryMode: 'extended'
  _result: Columns
  _results: Columns
  _accumulateRows: boolean
  callback: (error: Error | null, result?: pg.QueryResult) => void
  prepare(connection: Connection): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, connection: Connection): void
}

/**
 * Whether a value of the statement caused an error: SQLSTATE class 22 (data exception) or 23 (constraint). The connection
 * is intact after it. If such an error destroyed the connection, a client could make the gateway open a new one with each
 * request.
 */
function isCausedByValue(error: Error): boolean {
  return /^2[23][0-9A-Z]{3}$/.test((error as { code?: string }).code ?? '')
}

interface BoundQueryConfig {
  readonly name?: string | undefined
  /** Whether the connection has prepared the binding. Otherwise each batch parses it. */
  readonly is_prepared: boolean
  readonly text: string
  readonly values: readonly unknown[]
  readonly rowMode?: 'array' | undefined
  readonly types?: pg.CustomTypesConfig
}

const Query = pg.Query as unknown as new (text: string) => QueryInternals
const { Result } = pg as unknown as { Result: new (row_mode: string | undefined, types: unknown) => Columns }

/**
 * Sends the binding and the statement before one Sync (PostgreSQL protocol, section 55.2.3), in one round trip and one
 * implicit transaction. If the binding fails, the server skips the statement. At the Sync the binding ends.
 *
 * The row and the completion of the binding arrive first, and this class drops them.
 */
export class BoundQuery extends Query {
  readonly #role: string
  readonly #tenant_id: string
  readonly #is_prepared: boolean
  #is_bound = false

  constructor(role: string, tenant_id: string, config: BoundQueryConfig) {
    // An invalid value throws here, before a connection waits for the rest of the batch.
    const values = config.values.map((value) => prepareValue(value))
    // pg copies the property descriptors of a config object for every query. It does not copy a text.
    super(config.text)
    this.name = config.name
    this.values = values
    this._result = this._results = new Result(config.rowMode, config.types)
    // Without a name and values, pg would send the text as a simple query, and the query would run unbound.
    this.queryMode = 'extended'
    this.#role = role
    this.#tenant_id = tenant_id
    this.#is_prepared = config.is_prepared
  }

  /** Sends the batch. Returns the connection to the pool. After an error that a value cannot cause, it destroys the connection. */
  sendOn(client: pg.PoolClient): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      let is_settled = false
      const settle = (error: Error | null | undefined, result?: pg.QueryResult) => {
        if (is_settled) return
        is_settled = true
        client.off('error', settle)
        client.release(error instanceof Error && !isCausedByValue(error))
        if (error) reject(error)
        else resolve(result?.rows ?? [])
      }
      client.on('error', settle)
      this.callback = settle
      client.query(this as unknown as pg.Submittable)
    })
  }

  override prepare(connection: Connection): void {
    const statement = this.#is_prepared ? BIND_STATEMENT.name : ''
    if (!this.#is_prepared) connection.parse({ name: '', text: BIND_STATEMENT.text, types: [] })
    connection.bind({ portal: '', statement, values: [this.#role, this.#tenant_id] })
    connection.execute({ portal: '' })
    const columns = this.name === undefined ? undefined : described.get(connection)?.get(this.name)
    if (columns === undefined) {
      super.prepare(connection)
      return
    }
    Object.assign(this._result, columns)
    this._accumulateRows = true
    connection.bind({ portal: '', statement: this.name as string, values: this.values })
    connection.execute({ portal: '' })
    connection.sync()
  }

  override handleDataRow(message: unknown): void {
    if (this.#is_bound) super.handleDataRow(message)
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#is_bound) {
      super.handleCommandComplete(message, connection)
      this.#keepColumns(connection)
    }
    this.#is_bound = true
  }

  #keepColumns(connection: Connection): void {
    if (this.name === undefined) return
    const of_connection = described.get(connection) ?? new Map<string, Columns>()
    if (of_connection.has(this.name)) return
    const { fields, _parsers, _prebuiltEmptyResultObject } = this._result
    described.set(connection, of_connection.set(this.name, { fields, _parsers, _prebuiltEmptyResultObject }))
  }
}
