import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, type Server, start } from '../servers.js'

const VERSION = '1.16.11'
const KEY = { id: 'bench', secret: 'lantern-quartz-meadow' }

/** What it asks callers for. */
export const EXPRESS_GATEWAY_HEADERS = { 'x-bench-key': `${KEY.id}:${KEY.secret}` }

/**
 * express-gateway, which this project does not depend on: hundreds of packages that nobody mends any more. They are
 * installed in a folder beside the project, once, without running any of their scripts.
 */
export async function startExpressGateway(origin: string): Promise<Server> {
  const folder = join(tmpdir(), `gatehouse-bench-express-gateway-${VERSION}`)
  if (!existsSync(join(folder, 'installed'))) await install(folder)
  const port = await freePort()
  const program = fileURLToPath(new URL('./express-gateway.mjs', import.meta.url))
  const env = { FOLDER: folder, PORT: String(port), ORIGIN: origin, KEY_ID: KEY.id, KEY_SECRET: KEY.secret }
  return start(`http://127.0.0.1:${port}`, '/', [program], env)
}

async function install(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = spawn('npm', ['install', ...options, `express-gateway@${VERSION}`], { cwd: folder, stdio: 'inherit' })
  const [code] = await once(npm, 'exit')
  if (code !== 0) throw new Error(`npm could not install express-gateway ${VERSION}`)
  writeFileSync(join(folder, 'installed'), '')
}
