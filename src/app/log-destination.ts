import { pino } from 'pino'

/** The most bytes of the log that wait for a full file system. Later lines are lost. */
const WAITING_BYTES_MAX = 1_048_576

/**
 * The destination of the log: standard output. If a line cannot be written, because the file system is full, it waits until
 * lines can be written again. pino would throw the error out of the function that logs, and the process could neither
 * respond nor stop.
 */
export function logDestination(): ReturnType<typeof pino.destination> {
  const destination = pino.destination({ fd: process.stdout.fd ?? 1, sync: true, maxLength: WAITING_BYTES_MAX })
  destination.on('error', ignore)
  return destination
}

/** Lets the process go on if it cannot write to standard output or to standard error. */
export function surviveFullOutputs(): void {
  process.stdout.on('error', ignore)
  process.stderr.on('error', ignore)
}

function ignore(): void {
  // There is no other place to report it.
}
