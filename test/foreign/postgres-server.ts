import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort, until } from '../process/gateway-process.js'

/** The folder in which Debian keeps the programs of each version of PostgreSQL. */
const VERSIONS = '/usr/lib/postgresql'
/** PostgreSQL does not run as root. */
const USER = 'postgres'

/**
 * Starts a PostgreSQL of its own, which a test can stop.
 * @throws if there is none, so that no test is skipped
 */
export async function startPostgres(t: Test) {
  const [version] = readdirSync(VERSIONS).sort((one, other) => Number(other) - Number(one))
  const bin = join(VERSIONS, String(version), 'bin')
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-postgres-'))
  chmodSync(folder, 0o755)
  const data = join(folder, 'data')
  const port = await freePort()
  const is_root = process.getuid?.() === 0
  const run = (program: string, ...args: string[]) =>
    execFileSync(
      is_root ? 'runuser' : join(bin, program),
      [...(is_root ? ['-u', USER, '--', join(bin, program)] : []), ...args],
      {
        cwd: folder,
        stdio: 'ignore',
      },
    )
  if (is_root) execFileSync('chown', [USER, folder])
  run('initdb', '-D', data, '-U', USER, '-A', 'trust', '--no-sync')
  const settings = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=200 -c fsync=off`
  const isReady = () => spawnSync(join(bin, 'pg_isready'), ['-h', '127.0.0.1', '-p', port, '-t', '1']).status === 0
  const start = async () => {
    run('pg_ctl', '-D', data, '-o', settings, '-l', join(folder, 'log'), '-w', 'start')
    await until(isReady)
  }
  const stop = async () => void run('pg_ctl', '-D', data, '-m', 'immediate', '-w', 'stop')
  const signalAll = (signal: NodeJS.Signals) => {
    const [main = ''] = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', main]).toString().trim().split('\n')
    for (const pid of [main, ...children]) process.kill(Number(pid), signal)
  }
  await start()
  t.teardown(async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    url: `postgres://${USER}@127.0.0.1:${port}/postgres`,
    start,
    /** Ends it at once. Its connections break, and nobody listens any more. */
    stop,
    /** Stops all of its processes: connections stay open, and nothing is answered, as on a network that drops packets. */
    pause: () => signalAll('SIGSTOP'),
    proceed: () => signalAll('SIGCONT'),
    isReady,
  }
}
