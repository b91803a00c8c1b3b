import pg from 'pg'

/** Fixes role and tenant until the end of the transaction. */
export const BIND_STATEMENT = {
  name: 'gatehouse_bind',
  text: "select set_config('role', $1, true), set_config('app.tenant_id', $2, true)",
}

interface Connection {
  bind(config: { portal: string; statement: string; values: unknown[] }): void
  execute(config: { portal: string; rows?: number }): void
  sync(): void
}

/** The columns of a statement as `pg` keeps them in a result. */
interface Columns {
  fields: unknown
  _parsers: unknown
  _prebuiltEmptyResultObject: unknown
}

/**
 * The columns of each connection's prepared statements, by name. The server describes them once: while a statement is
 * prepared they cannot change, and it fails instead (and with it the connection) when a table has.
 */
const described = new WeakMap<Connection, Map<string, Columns>>()

const { prepareValue } = (pg as unknown as { utils: { prepareValue(value: unknown): unknown } }).utils

/** What `pg` calls on a query while it is the running one (its Submittable, with the parts that are overridden here). */
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

interface BoundQueryConfig {
  readonly name?: string | undefined
  readonly text: string
  readonly values: readonly unknown[]
  readonly rowMode?: 'array' | undefined
  readonly types?: pg.CustomTypesConfig
}

const Query = pg.Query as unknown as new (text: string) => QueryInternals
const { Result } = pg as unknown as { Result: new (row_mode: string | undefined, types: unknown) => Columns }

/**
 * Binding and statement under one Sync (PostgreSQL protocol, section 55.2.3): one round trip and one implicit
 * transaction. When binding fails the server skips the statement; at the Sync the binding is gone.
 *
 * The binding's own row and completion arrive first and are dropped here.
 */
export class BoundQuery extends Query {
  readonly #role: string
  readonly #tenant_id: string
  #is_bound = false

  constructor(role: string, tenant_id: string, config: BoundQueryConfig) {
    // A value that cannot be sent throws here, where no connection is waiting for the rest of a batch.
    const values = config.values.map((value) => prepareValue(value))
    // pg copies a config by its property descriptors, with every query; a text it takes as it is.
    super(config.text)
    this.name = config.name
    this.values = values
    this._result = this._results = new Result(config.rowMode, config.types)
    // Without a name and without values pg would send the text alone, as a simple query: unbound.
    this.queryMode = 'extended'
    this.#role = role
    this.#tenant_id = tenant_id
  }

  /** Sends the batch and gives the connection back, or destroys it after an error. */
  sendOn(client: pg.PoolClient): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      let is_settled = false
      const settle = (error: Error | null | undefined, result?: pg.QueryResult) => {
        if (is_settled) return
        is_settled = true
        client.off('error', settle)
        client.release(error instanceof Error)
        if (error) reject(error)
        else resolve(result?.rows ?? [])
      }
      client.on('error', settle)
      this.callback = settle
      client.query(this as unknown as pg.Submittable)
    })
  }

  override prepare(connection: Connection): void {
    connection.bind({ portal: '', statement: BIND_STATEMENT.name, values: [this.#role, this.#tenant_id] })
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
