// Starts the gateway: compiles what changed, and runs it in this process. What it says goes to standard error, because
// standard output is the log.
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { reasonToCompile } from './build-stamp.mjs'

const GATEWAY = resolve('dist/main.js')

const reason = reasonToCompile('dist')
if (reason !== undefined) {
  process.stderr.write(`compiling (${reason}) ...\n`)
  const { status } = spawnSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' })
  if (status !== 0) process.exit(1)
}
// The processes of WORKERS run this file again: they must run what is compiled now.
process.argv[1] = GATEWAY
await import(GATEWAY)
