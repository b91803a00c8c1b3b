import type { SigningKeys } from '../../src/kernel/config/secrets.js'
import { openSeal } from '../../src/kernel/credentials/seal.js'
import type { Row } from '../../src/kernel/database/database.js'

type Sql = (text: string) => Promise<Row[]>

/** Everything that a database holds, as text. */
export interface Everything {
  /** The names of the tables with a row that contains a word, in any column of any type, ignoring case. */
  readonly tablesWith: (word: string) => string[]
}

/**
 * Reads every row of every table. Bytes are searched as bytes, and the sealed responses of Idempotency-Key are opened. `sql`
 * must be the owner, who sees every row.
 */
export async function readEverything(sql: Sql, signing_keys: SigningKeys): Promise<Everything> {
  const tables = await sql(`select oid::regclass::text as name from pg_class where relkind in ('r', 'm')
    and relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    order by 1`)
  const written: [string, string][] = []
  for (const { name } of tables) {
    const rows = await sql(`select whole::text as row from ${name} as whole`)
    written.push([String(name), rows.map(({ row }) => String(row).toLowerCase()).join('\n')])
  }
  const seal = openSeal(signing_keys, 'gatehouse idempotent answers')
  const sealed = await sql('select answer from idempotency_records where answer is not null')
  const opened = sealed.map(({ answer }) => seal.open(answer as Uint8Array))
  if (opened.includes(undefined)) throw new Error('a stored response was sealed with another key')
  written.push(['sealed responses', opened.join('\n').toLowerCase()])
  return {
    tablesWith: (word) => {
      const needles = [word.toLowerCase(), Buffer.from(word).toString('hex')]
      return written.filter(([, text]) => needles.some((needle) => text.includes(needle))).map(([name]) => name)
    },
  }
}
