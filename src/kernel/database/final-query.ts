import pg from 'pg'

interface Connection {
  parse(statement: { name: string; text: string; types: number[] }): void
  bind(config: { portal: string; statement: string; values: unknown[] }): void
  execute(config: { portal: string }): void
  sync(): void
}

/** What `pg` calls on a query while it is the running one, as far as it is overridden here. */
interface QueryInternals {
  callback: (error: Error | null | undefined, result?: pg.QueryResult) => void
  queryMode: 'extended'
  _getRows(connection: Connection): void
  handleCommandComplete(message: { text: string }, connection: Connection): void
}

const Query = pg.Query as unknown as new (config: object) => QueryInternals

/**
 * The last statement of a transaction and its commit, under one Sync: one round trip, and what the statement locks is
 * free again without our being asked. When the statement fails the server skips the commit.
 *
 * For locks that others queue on. Held while an answer travels here and `commit` travels back, the end of an audit
 * chain let through some hundred and fifty writes a second, however fast the database was.
 */
export class FinalQuery extends Query {
  #completed = 0
  #ending = ''

  constructor(config: pg.QueryConfig) {
    super(config)
    this.queryMode = 'extended'
  }

  /** @throws the driver's error; Error when the server rolled back, as it does after an error that nobody minded */
  sendOn(client: pg.PoolClient): Promise<unknown[]> {
    return new Promise((resolve, reject) => {
      this.callback = (error, result) => {
        if (error) reject(error)
        else if (this.#ending !== 'COMMIT') reject(new Error('the transaction was rolled back at its commit'))
        else resolve(result?.rows ?? [])
      }
      client.query(this as unknown as pg.Submittable)
    })
  }

  /** After the statement was bound: runs it, and then what pg knows nothing of. */
  override _getRows(connection: Connection): void {
    connection.execute({ portal: '' })
    connection.parse({ name: '', text: 'commit', types: [] })
    connection.bind({ portal: '', statement: '', values: [] })
    connection.execute({ portal: '' })
    connection.sync()
  }

  override handleCommandComplete(message: { text: string }, connection: Connection): void {
    this.#completed += 1
    if (this.#completed === 1) super.handleCommandComplete(message, connection)
    else this.#ending = message.text
  }
}
