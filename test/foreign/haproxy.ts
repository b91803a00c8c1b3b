import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { freePort, startProgram, until } from '../process/gateway-process.js'

/**
 * Starts HAProxy of Debian in front of gateways, with the configuration of compose.yaml.
 * @throws if there is no haproxy, so that no test is skipped
 */
export async function startHaproxy(t: Test, ports: readonly string[]): Promise<{ readonly url: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-haproxy-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, configurationOf(port, ports))
  const { child, stderr } = startProgram(t, 'haproxy', ['-db', '-f', file], {})
  const url = `http://127.0.0.1:${port}`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`haproxy is needed, and it ended: ${stderr()}`)
    return (await fetch(`${url}/livez`).catch(() => undefined))?.status === 200
  })
  return { url }
}

/** The configuration of compose.yaml, with other addresses. */
function configurationOf(port: string, ports: readonly string[]): string {
  const servers = ports.map((each, index) => `  server gateway${index + 1} 127.0.0.1:${each}`).join('\n')
  return readFileSync('deploy/haproxy.cfg', 'utf8')
    .replace('bind :8000', `bind 127.0.0.1:${port}`)
    .replace(/^ *server-template .*$/m, servers)
}
