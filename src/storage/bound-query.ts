import pg from 'pg'

/** Fixes role and tenant until the end of the transaction. */
export const BIND_STATEMENT = {
  name: 'gatehouse_bind',
  text: "select set_config('role', $1, true), set_config('app.tenant_id', $2, true)",
}

interface Connection {
  bind(config: { portal: string; statement: string; values: string[] }): void
  execute(config: { portal: string; rows?: number }): void
}

/** What `pg` calls on a query while it is the running one (its Submittable, with the parts that are overridden here). */
interface QueryInternals {
  callback: (error: Error | null, result?: pg.QueryResult) => void
  prepare(connection: Connection): void
  handleDataRow(message: unknown): void
  handleCommandComplete(message: unknown, connection: Connection): void
}

const Query = pg.Query as unknown as new (config: object) => QueryInternals

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

  constructor(role: string, tenant_id: string, config: object) {
    // Without a name and without values pg would send the text alone, as a simple query: unbound.
    super({ ...config, queryMode: 'extended' })
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
    super.prepare(connection)
  }

  override handleDataRow(message: unknown): void {
    if (this.#is_bound) super.handleDataRow(message)
  }

  override handleCommandComplete(message: unknown, connection: Connection): void {
    if (this.#is_bound) super.handleCommandComplete(message, connection)
    this.#is_bound = true
  }
}
