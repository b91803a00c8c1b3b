import type { Row } from '../../src/kernel/database/database.js'

type Sql = (text: string) => Promise<Row[]>

const JOURNAL = 'gatehouse_migrations'
const OWN = `relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)`

/** Deletes the rows of every table except the journal of migrations, and resets the settings of the session. */
export async function removeRows(sql: Sql): Promise<void> {
  await sql('discard all')
  await sql(`do $$ declare tables text; begin
    select string_agg(oid::regclass::text, ', ') into tables from pg_class
      where relkind = 'r' and ${OWN} and relname <> '${JOURNAL}';
    -- Without the triggers, which would note the changes of facts.
    set local session_replication_role = replica;
    execute format('truncate %s restart identity', tables);
  end $$`)
}

/**
 * Returns the state of a test database, a line for each part: objects and their grants, roles, settings, sequences,
 * tables with rows, and the journal of migrations.
 */
export async function pictureOf(sql: Sql): Promise<ReadonlySet<string>> {
  const rows = await sql(`
    select concat_ws(' ', 'relation', oid::regclass, relkind, relowner::regrole, relacl, relrowsecurity,
      relforcerowsecurity, reloptions) as line from pg_class where ${OWN} and relkind <> 'i'
    union all select concat_ws(' ', 'rows in', oid::regclass) from pg_class
      where relkind = 'r' and ${OWN} and pg_relation_size(oid) > 0
    union all select concat_ws(' ', 'column', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull,
      attidentity, attacl, pg_get_expr(adbin, adrelid)) from pg_attribute
      join pg_class on pg_class.oid = attrelid
      left join pg_attrdef on adrelid = attrelid and adnum = attnum
      where ${OWN} and relkind <> 'i' and attnum > 0 and not attisdropped
    union all select concat_ws(' ', 'index', indexdef) from pg_indexes where schemaname <> 'pg_catalog'
    union all select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid))
      from pg_constraint where connamespace <> 'pg_catalog'::regnamespace
    union all select concat_ws(' ', 'trigger', tgenabled, pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal
    union all select concat_ws(' ', 'policy', pg_policies::text) from pg_policies
    union all select concat_ws(' ', 'function', oid::regprocedure, prosecdef, proconfig, proacl, prosrc) from pg_proc
      where pronamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
    union all select concat_ws(' ', 'type', oid::regtype, typtype) from pg_type
      where typnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pg_toast'::regnamespace)
    union all select concat_ws(' ', 'schema', nspname, nspacl) from pg_namespace where nspname !~ '^pg_(toast_)?temp'
    union all select concat_ws(' ', 'role', pg_roles::text) from pg_roles
    union all select concat_ws(' ', 'member', roleid::regrole, member::regrole, admin_option) from pg_auth_members
    union all select concat_ws(' ', 'sequence', sequencename, last_value) from pg_sequences
    union all select concat_ws(' ', 'setting', name, setting) from pg_settings where source = 'session'
    union all select concat_ws(' ', 'extension', extname, extversion) from pg_extension
    union all select concat_ws(' ', 'migration', hash, created_at) from ${JOURNAL}`)
  return new Set(rows.map(({ line }) => String(line)))
}

/** The lines that are in only one of the two states. */
export function differences(before: ReadonlySet<string>, after: ReadonlySet<string>): string[] {
  return [
    ...[...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`),
    ...[...before].filter((line) => !after.has(line)).map((line) => `- ${line}`),
  ]
}
