import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Row } from '../../src/kernel/database/database.js'
import { migrate } from '../../src/kernel/database/migrate.js'
import { openPooled } from '../../src/kernel/database/pooled.js'
import type { TestDatabase } from './database.js'
import { migrationsVersion } from './migrations-version.js'

/** The database login of the gateway in tests: a member of the two roles that owns no object. */
const GATEWAY_LOGIN = 'gatehouse_test'
const TEMPLATE_LOCK = 727_002

/** Creates a copy of the template and opens it. `close` drops it. */
export async function openServerTest(server: string): Promise<TestDatabase> {
  const template = `gatehouse_template_${migrationsVersion()}`
  const name = `gatehouse_${process.pid}_${randomBytes(4).toString('hex')}`
  await asAdmin(server, async (admin) => {
    await admin.query(`select pg_advisory_lock(${TEMPLATE_LOCK})`)
    const { rowCount } = await admin.query('select from pg_database where datname = $1', [template])
    if (rowCount === 0) await createTemplate(admin, server, template)
    await admin.query(`create database ${name} template ${template}`)
  })
  const owner = new pg.Client(databaseUrl(server, name))
  // A test can stop the server.
  owner.on('error', () => undefined)
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
