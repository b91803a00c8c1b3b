import { type Database, FACTS_SHARE } from './database.js'

const BINDING = { role: 'gatehouse_platform', share: FACTS_SHARE } as const

/** A copy of a database on the same server has the same id, and another number. */
const STATEMENT = {
  text: "select installation_id() || ':' || oid as id from pg_database where datname = current_database()",
  values: [],
  row_mode: 'object',
} as const

/** The name of this installation. It is the same for all replicas of a database. */
export async function installationId(database: Database): Promise<string> {
  const [row] = (await database.readOne(BINDING, STATEMENT)) as [{ id: string }]
  return row.id
}
