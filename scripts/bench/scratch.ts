import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrate } from '../../src/kernel/database/migrate.js'
import { openPooled } from '../../src/kernel/database/pooled.js'
import { pinBesideLoad } from './servers.js'

/** The URL of the PostgreSQL server, with a login that may create databases and logins. */
const SERVER =
  process.env.BENCH_DATABASE_URL ?? process.env.TEST_DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/test'

/** A migrated database and a login, which exist for one run. */
export interface Scratch {
  /** The login that the gateway uses: it holds the two roles and owns nothing, so row-level security binds it. */
  readonly gateway_url: string
  /** The owner of the tables, whom row-level security does not bind. The bare server uses it, and so does the code that fills the tables. */
  readonly owner_url: string
  readonly close: () => Promise<void>
}

/** Creates the database and the login. */
export async function openScratch(): Promise<Scratch> {
  const name = `gatehouse_bench_${process.pid}_${randomBytes(4).toString('hex')}`
  const password = randomBytes(18).toString('hex')
  const owner_url = urlOf(name)
  const close = () => asAdmin([`drop database if exists ${name} with (force)`, `drop role if exists ${name}`])
  try {
    await asAdmin([`create database ${name}`])
    const database = openPooled(owner_url, 1, () => undefined)
    await migrate(database).finally(() => database.close())
    await asAdmin([
      `create role ${name} login noinherit password '${password}'`,
      `grant gatehouse_tenant, gatehouse_platform to ${name}`,
    ])
  } catch (error) {
    await close()
    throw error
  }
  return { owner_url, gateway_url: urlOf(name, { name, password }), close }
}

/**
 * Moves the database processes of open connections to the core of the load, if the database is on this machine. Otherwise
 * they would sometimes run on the core of the server that is measured.
 */
export async function pinBackends(owner_url: string): Promise<void> {
  const owner = new pg.Client(owner_url)
  await owner.connect()
  try {
    const text = 'select pid from pg_stat_activity where datname = current_database()'
    const { rows } = await owner.query<{ pid: number }>(text)
    for (const { pid } of rows) pinBesideLoad(pid)
  } finally {
    await owner.end()
  }
}

/**
 * Collects statistics, and turns autovacuum off for this run. Its workers would start at any moment, also on the core of the
 * server. In production the database has a machine of its own.
 */
export async function settle(owner_url: string): Promise<void> {
  const owner = new pg.Client(owner_url)
  await owner.connect()
  try {
    const { rows } = await owner.query<{ name: string }>(
      "select quote_ident(relname) as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
    )
    for (const { name } of rows) await owner.query(`alter table ${name} set (autovacuum_enabled = false)`)
    await owner.query('vacuum analyze')
    await owner.query('checkpoint')
  } finally {
    await owner.end()
  }
}

async function asAdmin(statements: readonly string[]): Promise<void> {
  const admin = new pg.Client(SERVER)
  await admin.connect()
  try {
    for (const statement of statements) await admin.query(statement)
  } finally {
    await admin.end()
  }
}

function urlOf(database: string, login?: { name: string; password: string }): string {
  const url = new URL(SERVER)
  url.pathname = `/${database}`
  if (login !== undefined) {
    url.username = login.name
    url.password = login.password
  }
  return url.href
}
