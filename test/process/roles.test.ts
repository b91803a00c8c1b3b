import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { t } from '../helpers/t.js'

const SERVER = process.env.TEST_DATABASE_URL

t.test('roles.sql names both logins once, so that an installation can have its own', async (t) => {
  const statements = readFileSync('scripts/roles.sql', 'utf8').replaceAll(/^--.*$/gm, '')
  for (const login of ['gatehouse_owner', 'gatehouse_gateway']) t.equal(statements.split(login).length - 1, 1, login)
})

// The embedded database has no login roles.
if (SERVER !== undefined) {
  const mark = `gatehouse_roles_${process.pid}`
  const admin = new pg.Client(SERVER)
  const names = ['one', 'two'].map((each) => ({
    database: `${mark}_${each}`,
    owner: `${mark}_${each}_owner`,
    gateway: `${mark}_${each}_gateway`,
    password: `${each}-password`,
  }))

  t.before(async () => {
    await admin.connect()
    for (const { database } of names) await admin.query(`create database ${database}`)
  })
  t.teardown(async () => {
    for (const { database, owner, gateway } of names) {
      await admin.query(`drop database if exists ${database} with (force)`)
      for (const login of [owner, gateway]) await admin.query(`drop role if exists ${login}`)
    }
    await admin.end()
  })

  const urlOf = (database: string, login?: string, password?: string) => {
    const url = new URL(SERVER)
    url.pathname = `/${database}`
    if (login !== undefined) Object.assign(url, { username: login, password })
    return url.href
  }
  const query = async (url: string, text: string) => {
    const client = new pg.Client(url)
    try {
      await client.connect()
      return (await client.query(text)).rows
    } finally {
      await client.end()
    }
  }

  t.test('roles.sql without a password says which one, and makes no login', async (t) => {
    const { database, owner, gateway } = names[0] as (typeof names)[number]
    for (const [missing, given] of [
      ['OWNER_PASSWORD', 'GATEWAY_PASSWORD'],
      ['GATEWAY_PASSWORD', 'OWNER_PASSWORD'],
    ] as const) {
      const env = { PATH: process.env.PATH, OWNER_LOGIN: owner, GATEWAY_LOGIN: gateway, [given]: 'x' }
      const { status, stderr } = spawnSync('psql', [urlOf(database), '-q', '-f', 'scripts/roles.sql'], {
        env,
        encoding: 'utf8',
      })
      t.equal(status, 3)
      t.match(stderr, `${missing} is not set`)
    }
    t.same(await query(urlOf(database), `select from pg_roles where rolname in ('${owner}', '${gateway}')`), [])
  })

  // The second installation used to give the logins of the first one a new password, and let them into both databases.
  t.test('two installations on one server have their own logins, databases and passwords', async (t) => {
    for (const { database, owner, gateway, password } of names) {
      const env = { OWNER_LOGIN: owner, GATEWAY_LOGIN: gateway, OWNER_PASSWORD: password, GATEWAY_PASSWORD: password }
      execFileSync('psql', [urlOf(database), '-q', '-f', 'scripts/roles.sql'], { env: { ...process.env, ...env } })
    }
    for (const [position, mine] of names.entries()) {
      const other = names[1 - position] as (typeof names)[number]
      for (const login of [mine.owner, mine.gateway]) {
        t.equal((await query(urlOf(mine.database, login, mine.password), 'select 1')).length, 1, login)
        await t.rejects(query(urlOf(other.database, login, mine.password), 'select 1'), { code: '42501' }, login)
      }
      const [owner] = await query(
        urlOf(mine.database),
        `select datdba::regrole::text as name from pg_database
        where datname = current_database()`,
      )
      t.same(owner, { name: mine.owner })
      const held = await query(
        urlOf(mine.database, mine.gateway, mine.password),
        `select pg_has_role('gatehouse_tenant', 'member') as tenant,
        pg_has_role('gatehouse_platform', 'member') as platform, pg_has_role('${other.gateway}', 'member') as other`,
      )
      t.same(held, [{ tenant: true, platform: true, other: false }])
    }
  })
}
