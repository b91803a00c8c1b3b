import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { freePort, startProgram, until } from '../process/gateway-process.js'

/**
 * Starts PgBouncer of Debian in front of a database, as a package leaves it but for the mode.
 *
 * @param url the database at the server, with the login
 * @returns the URL of the same database through the pooler
 * @throws if there is no pgbouncer, so that no test is skipped
 */
export async function startPgbouncer(t: Test, url: string, pool_mode: 'session' | 'transaction'): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-pgbouncer-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { hostname, port: server_port, pathname, username, password } = new URL(url)
  const port = await freePort()
  const file = join(folder, 'pgbouncer.ini')
  const dbname = pathname.slice(1)
  writeFileSync(
    file,
    `[databases]
${dbname} = host=${hostname} port=${server_port || '5432'} dbname=${dbname} user=${username} password=${password || username}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${pool_mode}
default_pool_size = 40
max_client_conn = 400
`,
  )
  // It does not run as root, and reads its file as the user that it becomes.
  chmodSync(folder, 0o755)
  const args = process.getuid?.() === 0 ? ['-u', 'postgres', file] : [file]
  const { child, stderr } = startProgram(t, 'pgbouncer', args, {})
  const pooled = new URL(url)
  pooled.host = `127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`pgbouncer is needed, and it ended: ${stderr()}`)
    const client = new pg.Client(pooled.href)
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  })
  return pooled.href
}
