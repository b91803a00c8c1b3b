import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import { freePort, until } from '../process/gateway-process.js'

/**
 * Starts a Redis of its own, which a test can stop.
 * @throws if there is no redis-server, so that no test is skipped
 */
export async function startRedis(t: Test) {
  const port = await freePort()
  let server: ChildProcess | undefined
  const command = (...words: string[]) =>
    execFileSync('redis-cli', ['-p', port, ...words], { stdio: 'pipe' }).toString()
  const start = async () => {
    const words = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    server = spawn('redis-server', words, { stdio: 'ignore' })
    await Promise.race([
      once(server, 'error').then(([error]) => Promise.reject(new Error('redis-server is needed', { cause: error }))),
      until(() => {
        try {
          return command('ping').startsWith('PONG')
        } catch {
          return false
        }
      }),
    ])
  }
  const kill = async () => {
    const ended = server === undefined || server.exitCode !== null || server.signalCode !== null
    if (ended) return
    const exit = once(server as ChildProcess, 'exit')
    server?.kill('SIGKILL')
    await exit
  }
  t.teardown(kill)
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    /** Ends the process. Redis loses all data. */
    kill,
    /** Stops the process: connections stay open, and nothing is answered. */
    pause: () => void server?.kill('SIGSTOP'),
    proceed: () => void server?.kill('SIGCONT'),
    /** Makes it a replica of nobody's, which refuses writes, or ends that. */
    readOnly: (is_on: boolean) => void command('replicaof', ...(is_on ? ['127.0.0.1', '1'] : ['no', 'one'])),
    command,
  }
}
