import { closeSync, openSync, readFileSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { ConfigurationError } from '../config/env.js'

/**
 * Takes a folder for this process: the embedded engine has no lock of its own, and two processes on one folder lose
 * rows that were acknowledged.
 *
 * The lock is a file beside the folder with the pid and, on Linux, the start time of its owner, so that a pid that was
 * given to another process since is not mistaken for the owner.
 *
 * @returns a function that gives the folder back.
 * @throws ConfigurationError in one readable line when a living process has it.
 */
export function lockFolder(folder: string): () => void {
  // By its real path: a link to the folder is the same folder.
  const file = `${realpathSync(folder)}.lock`
  const mine = `${process.pid} ${startTime(process.pid) ?? '-'}`
  if (!create(file, mine)) {
    const owner = readLock(file)
    if (owner !== undefined && isAlive(owner)) {
      throw new ConfigurationError(
        `DATA_DIR: ${folder} is in use by process ${owner.pid}; stop it, or start this one with another DATA_DIR`,
      )
    }
    takeOver(file, mine, folder)
  }
  return () => rmSync(file, { force: true })
}

/**
 * Replaces a lock whose owner is dead. Two processes may find that at once, so only one of them, whose second file is
 * there first, may go on: else one would remove the lock that the other just made.
 */
function takeOver(file: string, mine: string, folder: string): void {
  const turn = `${file}.takeover`
  const other = readLock(turn)
  if (other !== undefined && !isAlive(other)) rmSync(turn, { force: true })
  if (!create(turn, mine)) throw new ConfigurationError(`DATA_DIR: ${folder} is being opened by another process`)
  try {
    const owner = readLock(file)
    if (owner !== undefined && isAlive(owner)) {
      throw new ConfigurationError(`DATA_DIR: ${folder} is in use by process ${owner.pid}`)
    }
    rmSync(file, { force: true })
    if (!create(file, mine)) throw new ConfigurationError(`DATA_DIR: ${folder} is being opened by another process`)
  } finally {
    rmSync(turn, { force: true })
  }
}

interface Owner {
  readonly pid: number
  readonly started: string
}

function create(file: string, content: string): boolean {
  try {
    const descriptor = openSync(file, 'wx', 0o600)
    writeSync(descriptor, content)
    closeSync(descriptor)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function readLock(file: string): Owner | undefined {
  try {
    const [pid, started] = readFileSync(file, 'utf8').split(' ')
    return Number(pid) > 0 ? { pid: Number(pid), started: started ?? '-' } : undefined
  } catch {
    return undefined
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const started = startTime(owner.pid)
  return started === undefined || owner.started === '-' || started === owner.started
}

/** Clock ticks between boot and start of a process (proc(5), field 22), where the system tells. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
