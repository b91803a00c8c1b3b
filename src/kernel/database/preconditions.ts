import { ConfigurationError } from '../config/env.js'
import type { Database } from './database.js'
import { migrate, pendingMigrations } from './migrate.js'

const MINIMUM_VERSION = 150_000

/**
 * Checks what must be true before the gateway serves the first request. Each error is one line that says what to do.
 *
 * With the embedded engine, this process owns the database and migrates it. With a PostgreSQL server, its login must hold
 * the two roles and own no table, so that row-level security applies to it. Such a login cannot migrate.
 *
 * @throws ConfigurationError for the first check that fails
 */
export async function checkPreconditions(database: Database): Promise<void> {
  await checkPooling(database)
  const [server] = await database.owner.query(`select current_setting('server_version_num')::int as version`)
  if (Number(server?.version) < MINIMUM_VERSION)
    throw new ConfigurationError('DATABASE_URL: PostgreSQL 15 or newer is required')
  if (database.engine === 'embedded') await migrate(database)
  else await checkLogin(database)
  const pending = await pendingMigrations(database)
  if (pending > 0) {
    throw new ConfigurationError(
      `DATABASE_URL: ${pending} migrations are not applied; run npm run migrate as the owner of the database`,
    )
  }
  const open_tables = await tablesWithoutWall(database)
  if (open_tables.length > 0) {
    throw new ConfigurationError(`DATABASE_URL: row-level security is missing on: ${open_tables.join(', ')}`)
  }
}

/**
 * A pooler in transaction mode gives the sessions of the server to all connections in turn. Named statements and settings of a
 * session would fail in some requests, and not in others.
 */
async function checkPooling(database: Database): Promise<void> {
  if (database.lookAtPooling === undefined) return
  const { pool, direct } = await database.lookAtPooling()
  if (direct?.shares_sessions === true) {
    throw new ConfigurationError(
      'DATABASE_DIRECT_URL: must lead to the server itself, or to a pooler in session mode, because one connection listens',
    )
  }
  if (direct === undefined && pool.shares_sessions) {
    throw new ConfigurationError(
      'DATABASE_URL: the pooler is in transaction mode; use its session mode, or set DATABASE_POOLER=transaction and DATABASE_DIRECT_URL (docs/operations.md)',
    )
  }
  if (direct !== undefined && pool.missing_settings.length > 0) {
    throw new ConfigurationError(
      `DATABASE_POOLER: the login lacks settings; run as an administrator, then reconnect the pooler: ${pool.missing_settings.join('; ')}`,
    )
  }
}

async function checkLogin(database: Database): Promise<void> {
  const [login] = await database.owner.query(`
    select r.rolsuper or r.rolbypassrls as bypasses,
      exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = current_schema() and c.relkind = 'r' and pg_has_role(c.relowner, 'usage')) as owns,
      (select count(*)::int from pg_roles g where g.rolname in ('gatehouse_tenant', 'gatehouse_platform')
        and pg_has_role(g.oid, 'member')) as held,
      exists (select from pg_roles g where g.rolname in ('gatehouse_tenant', 'gatehouse_platform')
        and (g.rolsuper or g.rolbypassrls)) as wall_is_open
    from pg_roles r where r.rolname = current_user`)
  if (login?.wall_is_open === true) {
    throw new ConfigurationError('DATABASE_URL: gatehouse_tenant or gatehouse_platform could bypass row-level security')
  }
  if (login?.bypasses === true || login?.owns === true) {
    throw new ConfigurationError(
      'DATABASE_URL: this login could bypass row-level security; use one that owns nothing (docs/operations.md)',
    )
  }
  if (login?.held !== 2) {
    throw new ConfigurationError(
      'DATABASE_URL: this login must hold gatehouse_tenant and gatehouse_platform; run npm run migrate as the owner, then grant them',
    )
  }
}

/**
 * Returns the tables that a role of the gateway can read without an effective policy: row-level security is off, or a
 * policy for tenants does not check the bound tenant. A restrictive policy only takes rows away, so it needs no check.
 */
export async function tablesWithoutWall(database: Database): Promise<string[]> {
  const rows = await database.owner.query(`
    select c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = current_schema() and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and (not c.relrowsecurity
        or exists (select from pg_policy p where p.polrelid = c.oid and p.polpermissive
          and ((select oid from pg_roles where rolname = 'gatehouse_tenant') = any (p.polroles) or p.polroles = '{0}')
          and (coalesce(pg_get_expr(p.polqual, p.polrelid), '') not like '%current_tenant_id()%'
            or coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'current_tenant_id()') not like '%current_tenant_id()%'))
        or (exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
          and not exists (select from pg_policy p where p.polrelid = c.oid and p.polname = 'tenant_isolation')))
    order by 1`)
  return rows.map((row) => String(row.name))
}
