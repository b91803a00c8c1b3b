import pg from 'pg'

interface Connection {
  parse(statement: { name: string; text: string; types: number[] }): void
  bind(config: { portal: string; statement: string; values: unknown[] }): void
  execute(config: { portal: string }): void
  sync(): void
}

/** The methods that `pg` calls on the running query and that this class overrides. */
interface QueryInternals {
  callback: (error: Error | null | undefined, result?: pg.QueryResult) => void
  queryMode: 'extended'
  _getRows(connection: Connection): void
  handleDataRow(message: { fields: (string | null)[] }): void
  handleCommandComplete(message: { text: string }, connection: Connection): void
}

/** Says whether the running transaction changed a fact. A trigger knows, whichever statement it was. */
export const CHANGED_FACTS = 'select changed_facts_in() as xid'

const Query = pg.Query as unknown as new (config: object) => QueryInternals

/** The rows of the last statement, and the number of the transaction if it changed a fact. */
export interface Finished {
  readonly rows: unknown[]
  readonly changed_facts_in: string | null
}

/**
 * Sends the last statement of a transaction and its commit before one Sync: its locks are released without another round
 * trip. If the statement fails, the server skips the commit.
 *
 * This is for locks that other transactions wait for. When the lock on the end of an audit chain was held for one more
 * round trip, a tenant could make about 150 writes per second, however fast the database was.
 */
export class FinalQuery extends Query {
  #completed = 0
  #ending = ''
  #changed_facts_in: string | null = null

  constructor(config: pg.QueryConfig) {
    super(config)
    this.queryMode = 'extended'
  }

  /** @throws the error of the driver, or an Error when the server rolled back because an earlier statement had failed */
  sendOn(client: pg.PoolClient): Promise<Finished> {
    return new Promise((resolve, reject) => {
      this.callback = (error, result) => {
        if (error) reject(error)
        else if (this.#ending !== 'COMMIT') reject(new Error('the transaction was rolled back at its commit'))
        else resolve({ rows: result?.rows ?? [], changed_facts_in: this.#changed_facts_in })
      }
      client.query(this as unknown as pg.Submittable)
    })
  }

  /** Executes the bound statement, and then sends two statements that pg does not know of. */
  override _getRows(connection: Connection): void {
    connection.execute({ portal: '' })
    for (const text of [CHANGED_FACTS, 'commit']) {
      connection.parse({ name: '', text, types: [] })
      connection.bind({ portal: '', statement: '', values: [] })
      connection.execute({ portal: '' })
    }
    connection.sync()
  }

  override handleDataRow(message: { fields: (string | null)[] }): void {
    if (this.#completed === 0) super.handleDataRow(message)
    else this.#changed_facts_in = message.fields[0] ?? null
  }

  override handleCommandComplete(message: { text: string }, connection: Connection): void {
    this.#completed += 1
    if (this.#completed === 1) super.handleCommandComplete(message, connection)
    else this.#ending = message.text
  }
}
