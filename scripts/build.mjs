// Compiles src to dist. Only one process does it at a time: a second `npm start` in the same clone would otherwise compile
// into the files that the first one is loading.
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

const LOCK = '.build-lock'
const WAIT_MS = 100
const WAIT_MS_MAX = 300_000

process.exitCode = await main()

async function main() {
  if (!(await lock())) {
    process.stderr.write(`another process has been compiling for ${WAIT_MS_MAX / 60_000} minutes: ${LOCK} names it\n`)
    return 1
  }
  try {
    const compiler = ['node_modules/typescript7/bin/tsc', '-p', 'tsconfig.build.json']
    return spawnSync(process.execPath, compiler, { stdio: 'inherit' }).status ?? 1
  } finally {
    rmSync(LOCK, { force: true })
  }
}

/** Waits until no other process compiles. The lock is a file with the id of the process that compiles. */
async function lock() {
  const until_ms = Date.now() + WAIT_MS_MAX
  let is_told = false
  while (!created()) {
    if (Date.now() > until_ms) return false
    // A process that was killed has left its lock behind.
    if (existsSync(LOCK) && !isRunning(ownerOf())) {
      rmSync(LOCK, { force: true })
      continue
    }
    if (!is_told) process.stderr.write('another process is compiling in this folder; waiting for it\n')
    is_told = true
    await sleep(WAIT_MS)
  }
  return true
}

function created() {
  try {
    const file = openSync(LOCK, 'wx')
    writeSync(file, String(process.pid))
    closeSync(file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  }
}

/** The process that compiles; undefined if it has just created the file, or removed it. */
function ownerOf() {
  try {
    return Number(readFileSync(LOCK, 'utf8')) || undefined
  } catch {
    return undefined
  }
}

function isRunning(pid) {
  if (pid === undefined) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
