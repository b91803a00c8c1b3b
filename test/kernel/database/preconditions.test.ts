import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { openPooled } from '../../../src/kernel/database/pooled.js'
import { checkPreconditions } from '../../../src/kernel/database/preconditions.js'
import { openTestDatabase } from '../../helpers/database.js'
import { t } from '../../helpers/t.js'

const opened = await openTestDatabase()
t.teardown(() => opened.close())
const { database, sql } = opened

t.test('a migrated database with row-level security on every table passes', async (t) => {
  await t.resolves(checkPreconditions(database))
})

t.test('a table without row-level security stops the start, and the message names it', async (t) => {
  await sql('create table forgotten (id uuid)')
  await t.rejects(checkPreconditions(database), {
    name: 'ConfigurationError',
    message: 'DATABASE_URL: row-level security is missing on: forgotten',
  })
  await sql('drop table forgotten')
  await sql('alter table customers disable row level security')
  await t.rejects(checkPreconditions(database), { message: /missing on: customers$/ })
  await sql('alter table customers enable row level security')
  await t.resolves(checkPreconditions(database))
})

const server = process.env.TEST_DATABASE_URL
if (server !== undefined) {
  const here = new URL(opened.url as string).pathname
  const prefix = `gatehouse_pre_${process.pid}_${randomBytes(3).toString('hex')}`
  const logins: string[] = []
  t.teardown(async () => {
    // The logins own objects in the database, so this runs after the pools are closed and before the database is dropped.
    for (const login of logins) {
      await sql(`drop owned by ${login} cascade`)
      await sql(`drop role ${login}`)
    }
  })

  /** Creates a login for each case, so that the roles of other tests on the server do not change. */
  const attempt = async (options: string, arrange: (login: string) => string) => {
    const login = `${prefix}_${logins.length}`
    logins.push(login)
    await sql(`create role ${login} login password '${login}' ${options}; ${arrange(login)}`)
    return checkAs(login, here)
  }
  const checkAs = async (login: string | undefined, pathname: string) => {
    const url = new URL(server)
    url.pathname = pathname
    if (login !== undefined) Object.assign(url, { username: login, password: login })
    const pool = openPooled(url.href, 1, () => undefined)
    try {
      await checkPreconditions(pool)
      return 'let through'
    } catch (error) {
      return (error as Error).name === 'ConfigurationError' ? (error as Error).message : `${error}`
    } finally {
      await pool.close()
    }
  }
  const both = (login: string) => `grant gatehouse_tenant, gatehouse_platform to ${login}`

  // Attack: a query reads rows of all tenants, because the login of the gateway bypasses row-level security.
  t.test('a login that could bypass row-level security stops the start', async (t) => {
    t.equal(await attempt('noinherit', both), 'let through', 'the login of scripts/roles.sql')
    t.match(await checkAs(undefined, here), /could bypass row-level security/, 'the superuser')
    t.match(await attempt('superuser', both), /could bypass row-level security/, 'another superuser')
    t.match(await attempt('noinherit bypassrls', both), /could bypass row-level security/, 'BYPASSRLS')
    const owning = await attempt(
      'noinherit',
      (login) => `${both(login)}; create table own_of_${login} (id int);
      alter table own_of_${login} enable row level security; alter table own_of_${login} owner to ${login}`,
    )
    t.match(owning, /could bypass row-level security/, 'the owner of a table')
  })

  t.test('a login without the two roles stops the start, and the message names the command to run', async (t) => {
    const hint = /must hold gatehouse_tenant and gatehouse_platform; run npm run migrate as the owner/
    t.match(await attempt('noinherit', () => ''), hint)
    t.match(await attempt('noinherit', (login) => `grant gatehouse_tenant to ${login}`), hint)
    t.match(await attempt('noinherit', (login) => `grant gatehouse_platform to ${login}`), hint)
  })

  t.test('pending migrations stop the start, and the message has their number', async (t) => {
    const [last] = await sql('select hash, created_at from gatehouse_migrations order by created_at desc limit 1')
    await sql(`delete from gatehouse_migrations where hash = '${last?.hash}'`)
    t.match(await attempt('noinherit', both), /^DATABASE_URL: 1 migrations are not applied; run npm run migrate/)
    await sql(`insert into gatehouse_migrations (hash, created_at) values ('${last?.hash}', ${last?.created_at})`)
    t.equal(await attempt('noinherit', both), 'let through')

    const empty = `${prefix}_empty`
    const admin = new pg.Client(server)
    await admin.connect()
    await admin.query(`create database ${empty}`)
    t.match(
      await checkAs(logins[0], `/${empty}`),
      /^DATABASE_URL: \d\d migrations are not applied/,
      'an empty database',
    )
    await admin.query(`drop database ${empty} with (force)`)
    await admin.end()
  })

  t.test('the login of the tests has the attributes that the start requires in production', async (t) => {
    const [login] =
      await database.owner.query(`select rolsuper, rolbypassrls, rolinherit, current_user <> session_user as is_other
      from pg_roles where rolname = current_user`)
    t.same(login, { rolsuper: false, rolbypassrls: false, rolinherit: false, is_other: false })
  })
}
