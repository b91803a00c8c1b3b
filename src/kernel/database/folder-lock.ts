import { closeSync, openSync, readFileSync, realpathSync, rmSync, writeSync } from 'node:fs'
import { ConfigurationError } from '../config/env.js'

/**
 * Locks a folder for this process. The embedded engine has no lock of its own, and two processes on one folder lose
 * acknowledged rows.
 *
 * The lock is a file next to the folder. It holds the pid of the owner and, on Linux, its start time, so that a later
 * process with the same pid is not mistaken for the owner.
 *
 * @returns a function that releases the lock
 * @throws ConfigurationError in one line when a running process holds the lock
 */
export function lockFolder(folder: string): () => void {
  // The real path, because a symbolic link names the same folder.
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
 * Replaces the lock of a process that has exited. Two processes may find such a lock at the same time, so a second file
 * decides which one continues. Without it, one process could remove the new lock of the other.
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

/** Returns the start time of a process in clock ticks since boot (proc(5), field 22), or undefined if unknown. */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}
