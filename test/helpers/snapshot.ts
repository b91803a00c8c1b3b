import type { Row } from '../../src/kernel/database/database.js'

type Sql = (text: string) => Promise<Row[]>

const TABLES = `select oid::regclass::text as name from pg_class
  where relkind = 'r' and relnamespace = 'public'::regnamespace and relname <> 'gatehouse_migrations'`

/** Whether every table except the journal of migrations is empty. */
export async function isEmpty(sql: Sql): Promise<boolean> {
  return (await rowsOf(sql)).length === 0
}

/** Returns the statements that insert the current rows into an empty database. */
export async function snapshotOf(sql: Sql): Promise<string> {
  const inserts = (await rowsOf(sql)).map(
    ({ name, rows }) =>
      `insert into ${name} overriding system value select * from json_populate_recordset(null::${name}, ${quoted(rows)})`,
  )
  const sequences = (
    await sql('select sequencename as name, last_value from pg_sequences where last_value is not null')
  ).map(({ name, last_value }) => `select setval('${name}', ${last_value})`)
  // The statements insert one table after another, so foreign keys hold only after the last one.
  return ['set session_replication_role = replica', ...inserts, ...sequences, 'reset session_replication_role'].join(
    ';\n',
  )
}

async function rowsOf(sql: Sql): Promise<{ name: string; rows: string }[]> {
  const tables = (await sql(TABLES)).map(({ name }) => String(name))
  const found = await sql(
    tables
      .map((name) => `select '${name}' as name, json_agg(row)::text as rows from ${name} as row`)
      .join(' union all '),
  )
  return found.filter(({ rows }) => rows !== null) as { name: string; rows: string }[]
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
