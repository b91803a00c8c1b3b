import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { freePort, until } from '../process/gateway-process.js'

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
  const pgbouncer = spawn('pgbouncer', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  pgbouncer.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const failed = once(pgbouncer, 'error').then(([error]) =>
    Promise.reject(new Error('pgbouncer is needed', { cause: error })),
  )
  const exit = once(pgbouncer, 'exit')
  t.teardown(async () => {
    pgbouncer.kill('SIGKILL')
    await exit
  })
  const pooled = new URL(url)
  pooled.host = `127.0.0.1:${port}`
  const answers = until(async () => {
    if (pgbouncer.exitCode !== null) throw new Error(`pgbouncer ended: ${said}`)
    const client = new pg.Client(pooled.href)
    return client.connect().then(
      () => client.end().then(() => true),
      () => false,
    )
  })
  await Promise.race([answers, failed])
  return pooled.href
}
