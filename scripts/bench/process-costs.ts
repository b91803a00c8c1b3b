import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

/** The CPU time and the memory of a process, as Linux counts them. */
export interface Costs {
  readonly at_ms: number
  /** Of all threads, since the process started. */
  readonly cpu_ms: number
  readonly resident_kib: number
}

let ticks_per_second: number | undefined

/** Reads them from /proc. @throws Error if the system has none */
export function costsOf(pid: number): Costs {
  ticks_per_second ??= Number(execFileSync('getconf', ['CLK_TCK']))
  // The name of the program can contain spaces, so the fields are counted from the bracket after it: utime and stime.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const resident = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { at_ms: performance.now(), cpu_ms: (ticks * 1000) / ticks_per_second, resident_kib: Number(resident) }
}

/** The load between two readings, in percent of one core. */
export function cpuBetween(before: Costs, after: Costs): number {
  return ((after.cpu_ms - before.cpu_ms) / (after.at_ms - before.at_ms)) * 100
}
