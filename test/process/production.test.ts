import { statSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { blocksRunAs } from '../helpers/docs.js'
import { t } from '../helpers/t.js'
import { FILE_MS_MAX, freePort, whenReady } from './gateway-process.js'
import { copyOfTheProject } from './project-copy.js'

t.setTimeout(FILE_MS_MAX)

/** The commands need a PostgreSQL server, because the embedded database has no login roles. */
const SERVER = process.env.TEST_DATABASE_URL

t.test('production: the last command starts the gateway', async (t) => {
  t.match(blocksRunAs('production').at(-1)?.text, /^node [^\n]*$/m)
})

if (SERVER !== undefined) {
  const { folder: COPY, run, runInOneShell } = copyOfTheProject(t)
  t.test('production: roles, schema, keys, operator, start, backup and restore work as written', async (t) => {
    const { admin_url, database, createSecond, release } = await scratchDatabase(SERVER)
    t.teardown(release)
    const password = 'granite-otter-paper-91'
    const port = await freePort()
    const script = ['set -eu', ...blocksRunAs('production').map(({ text }) => text)].join('\n')
    const environment = { ADMIN_DATABASE_URL: admin_url, DATABASE: database, OPERATOR_PASSWORD: password, PORT: port }
    // With exec, the shell process becomes the gateway.
    const gateway = run(
      t,
      script.replace(/\n(?=node [^\n]*$)/, '\necho "passwords $OWNER_PASSWORD $GATEWAY_PASSWORD"\nexec '),
      environment,
    )
    await whenReady(gateway, port)
    t.match(gateway.stdout(), /applied 0000_roles_and_isolation\n/)
    t.match(gateway.stdout(), 'SMTP_URL is not set: mails are written to files, and their recipients get none')
    t.match(gateway.stdout(), 'you@example.com is a user now, and an operator with every privilege')
    const login = await fetch(`http://127.0.0.1:${port}/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'you@example.com', password }),
    })
    t.match(await login.json(), { user: { is_operator: true } })
    t.equal(statSync(join(COPY, 'signing-keys.json')).mode & 0o777, 0o600)

    // Attack: a query reads rows of all tenants, because the gateway logs in as a role that bypasses row-level security.
    const [, owner_password = '', gateway_password = ''] = /^passwords (\w+) (\w+)$/m.exec(gateway.stdout()) ?? []
    for (const url of [`postgres://gatehouse_owner:${owner_password}@${database}`, admin_url]) {
      const env = { DATABASE_URL: url, JWT_SIGNING_KEYS: 'signing-keys.json', PORT: await freePort() }
      const refused = await run(t, 'node dist/main.js', env).exit
      t.equal(refused.code, 1)
      t.match(refused.stderr, /^gatehouse: DATABASE_URL: this login could bypass row-level security; [^\n]+\n$/)
    }

    await t.test('the documented commands restore a dump into a second database', async (t) => {
      const second = await createSecond()
      const roles = { OWNER_PASSWORD: owner_password, GATEWAY_PASSWORD: gateway_password }
      const prepared = await run(t, `psql "${second.admin_url}" -f scripts/roles.sql`, roles).exit
      t.equal(prepared.code, 0, prepared.stderr)
      await runInOneShell(t, blocksRunAs('backup'), { ...roles, DATABASE: database, NEW_DATABASE: second.database })
      t.equal(await second.count('users'), 1)
    })

    await t.test('the documented commands lead from the operator to the first response of a tenant', async (t) => {
      const blocks = blocksRunAs('first-tenant')
      const environment = { GATEWAY: `http://127.0.0.1:${port}`, OPERATOR_PASSWORD: password }
      const [printed] = (await runInOneShell(t, blocks, environment)).values()
      t.match(printed, /\{"data":\[\],"next_cursor":null\}$/)
    })
    process.kill(gateway.child.pid as number, 'SIGTERM')
    t.equal((await gateway.exit).code, 0)
  })
}

/** Creates an empty database. Roles belong to the whole server, so only one test at a time may set their passwords. */
async function scratchDatabase(server: string) {
  const names = [`gatehouse_docs_${process.pid}`, `gatehouse_docs_${process.pid}_restored`] as const
  const admin = new pg.Client(server)
  await admin.connect()
  await admin.query('select pg_advisory_lock(727003)')
  const create = async (name: string) => {
    await admin.query(`create database ${name}`)
    const url = new URL(server)
    url.pathname = `/${name}`
    return { admin_url: url.href, database: `${url.host}/${name}` }
  }
  return {
    ...(await create(names[0])),
    async createSecond() {
      const second = await create(names[1])
      return {
        ...second,
        async count(table: string): Promise<number> {
          const client = new pg.Client(second.admin_url)
          await client.connect()
          const { rows } = await client.query(`select count(*)::int as count from ${table}`)
          await client.end()
          return rows[0].count
        },
      }
    },
    async release() {
      for (const name of names) await admin.query(`drop database if exists ${name} with (force)`)
      for (const role of ['gatehouse_owner', 'gatehouse_gateway']) {
        await admin.query(`drop role if exists ${role}`)
      }
      await admin.end()
    },
  }
}
