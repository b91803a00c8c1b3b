import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PGlite } from '@electric-sql/pglite'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import pg from 'pg'
import type { Database, Row } from '../../src/kernel/database/database.js'
import { asDatabase, openEmbeddedInMemory } from '../../src/kernel/database/embedded.js'
import { migrate } from '../../src/kernel/database/migrate.js'
import { openPooled } from '../../src/kernel/database/pooled.js'

/** A migrated database of one test file, and a way around the wall for arranging and inspecting. */
export interface TestDatabase {
  readonly database: Database
  /** Runs statements as the owner, who is not bound by row-level security. */
  readonly sql: (text: string) => Promise<Row[]>
  /** The URL that the gateway logs in with; undefined when embedded. */
  readonly url: string | undefined
  readonly close: () => Promise<void>
}

/** The login that tests give the gateway: it holds the two roles and owns nothing. */
export const GATEWAY_LOGIN = 'gatehouse_test'
const TEMPLATE_LOCK = 727_002

/** Opens a fresh database: on PostgreSQL when TEST_DATABASE_URL names a server, in memory otherwise. */
export function openTestDatabase(): Promise<TestDatabase> {
  const url = process.env.TEST_DATABASE_URL
  return url === undefined ? openEmbeddedTest() : openPooledTest(url)
}

function migrationsVersion(): string {
  return readMigrationFiles({ migrationsFolder: 'migrations' })
    .map(({ hash }) => hash.slice(0, 4))
    .join('')
}

async function openEmbeddedTest(): Promise<TestDatabase> {
  const database = await openEmbeddedInMemory(new Blob([await templateDump()]))
  return {
    database,
    sql: (text) => database.owner.query(text),
    url: undefined,
    close: () => database.close(),
  }
}

/** A dump of a migrated database, made once for these migrations: opening it takes a third of making it. */
async function templateDump(): Promise<Uint8Array<ArrayBuffer>> {
  const file = join('.build', `template-${migrationsVersion()}.tar`)
  if (existsSync(file)) return new Uint8Array(readFileSync(file))
  const client = await PGlite.create()
  await migrate(asDatabase(client))
  const dump = new Uint8Array(await (await client.dumpDataDir('none')).arrayBuffer())
  await client.close()
  mkdirSync('.build', { recursive: true })
  const unfinished = `${file}.${process.pid}`
  writeFileSync(unfinished, dump)
  renameSync(unfinished, file)
  return dump
}

async function openPooledTest(server: string): Promise<TestDatabase> {
  const template = `gatehouse_template_${migrationsVersion()}`
  const name = `gatehouse_${process.pid}_${randomBytes(4).toString('hex')}`
  await asAdmin(server, async (admin) => {
    await admin.query(`select pg_advisory_lock(${TEMPLATE_LOCK})`)
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [template])
    if (rowCount === 0) await createTemplate(admin, server, template)
    await admin.query(`create database ${name} template ${template}`)
  })
  const owner = new pg.Client(databaseUrl(server, name))
  await owner.connect()
  const url = databaseUrl(server, name, GATEWAY_LOGIN)
  const database = openPooled(url, 10, () => undefined)
  return {
    database,
    sql: async (text) => (await owner.query(text)).rows as Row[],
    url,
    async close() {
      await database.close()
      await owner.end()
      await asAdmin(server, (admin) => admin.query(`drop database ${name} with (force)`))
    },
  }
}

async function createTemplate(admin: pg.Client, server: string, template: string): Promise<void> {
  const unfinished = `${template}_unfinished`
  await admin.query(`drop database if exists ${unfinished} with (force)`)
  await admin.query(`create database ${unfinished}`)
  const database = openPooled(databaseUrl(server, unfinished), 1, () => undefined)
  await migrate(database)
  await database.close()
  await admin.query(`do $$ begin
    create role ${GATEWAY_LOGIN} login noinherit password '${GATEWAY_LOGIN}';
  exception when duplicate_object then null; end $$`)
  await admin.query(`grant gatehouse_tenant, gatehouse_platform to ${GATEWAY_LOGIN}`)
  await admin.query(`alter database ${unfinished} rename to ${template}`)
}

async function asAdmin(server: string, work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client(server)
  await admin.connect()
  try {
    await work(admin)
  } finally {
    await admin.end()
  }
}

function databaseUrl(server: string, name: string, login?: string): string {
  const url = new URL(server)
  url.pathname = `/${name}`
  if (login !== undefined) {
    url.username = login
    url.password = login
  }
  return url.href
}
