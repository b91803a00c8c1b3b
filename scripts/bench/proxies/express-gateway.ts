import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, type Server, start } from '../servers.js'

const VERSION = '1.16.11'
const KEY = { id: 'bench', secret: 'lantern-quartz-meadow' }

/** The header and the value of the key. */
export const EXPRESS_GATEWAY_HEADERS = { 'x-bench-key': `${KEY.id}:${KEY.secret}` }

/**
 * Installs express-gateway once, in a folder next to the project, without running its install scripts. It is not a
 * dependency of this project, because its hundreds of packages are no longer maintained.
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
