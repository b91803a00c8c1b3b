// Starts the training service, and the gateway in front of it on the embedded demo: `npm run demo:upstream`.
// The gateway uses PORT and DATA_DIR. The service listens on TRAINING_PORT.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const { TRAINING_PORT = '8700' } = process.env

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-demo-'))
const manifest = join(folder, 'upstreams.yaml')
writeFileSync(
  manifest,
  readFileSync(here('./upstreams.yaml'), 'utf8').replace('127.0.0.1:8700', `127.0.0.1:${TRAINING_PORT}`),
)

const start = (args, env) => spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'inherit' })
// The service identifies accounts by a header. The gateway sets it and removes it from requests of callers.
const service = start([here('./server.mjs')], { PORT: TRAINING_PORT, ACCOUNT_HEADER: 'x-gatehouse-tenant' })
const gateway = start(['--enable-source-maps', here('../../../dist/main.js')], { UPSTREAMS_FILE: manifest })

// If one process ends, the other one and this process end too.
const ends = [service, gateway].map((child) => new Promise((resolve) => child.once('exit', resolve)))
const stop = () => [service, gateway].map((child) => child.kill('SIGTERM'))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop)
const code = await Promise.race(ends)
stop()
await Promise.all(ends)
rmSync(folder, { recursive: true, force: true })
process.exitCode = code ?? 1
