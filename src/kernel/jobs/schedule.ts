import type { FastifyInstance } from 'fastify'

/** Work that repeats while the gateway runs. */
export interface Job {
  /** Identifies the job in the log. */
  readonly name: string
  /** The longest time between the starts of two runs. Each run starts up to a tenth of it earlier, at random. */
  readonly every_ms: number
  /** One run. If it throws or rejects, the log records the error, and the next run takes place as usual. */
  readonly run: () => unknown
}

export interface ScheduledJob {
  /** Runs the job now, after the run in progress if there is one. Resolves when the run has ended. Never rejects. */
  run(): Promise<void>
  /** Ends the schedule. Resolves when the run in progress has ended. */
  stop(): Promise<void>
}

/** Receives the error of each run that fails. */
export interface JobLog {
  warn(fields: { readonly job: string; readonly err: unknown }, text: string): void
}

/** Replicas that start at the same moment must not run their jobs at the same moments for ever. */
const JITTER = 0.1

/**
 * Repeats a job. Runs never overlap: if a run takes longer than the interval, the runs that are due during that time are left
 * out. The timer does not keep the process alive.
 */
export function schedule(job: Job, log: JobLog): ScheduledJob {
  let timer: NodeJS.Timeout | undefined
  let last_run = Promise.resolve()
  let runs_pending = 0

  const run = (): Promise<void> => {
    runs_pending += 1
    last_run = last_run
      .then(job.run)
      .catch((error: unknown) => log.warn({ job: job.name, err: error }, 'scheduled job failed'))
      .then(() => {
        runs_pending -= 1
      })
    return last_run
  }
  const wait = (): void => {
    timer = setTimeout(
      () => {
        wait()
        if (runs_pending === 0) void run()
      },
      job.every_ms * (1 - Math.random() * JITTER),
    ).unref()
  }

  wait()
  return {
    run,
    stop() {
      clearTimeout(timer)
      return last_run
    },
  }
}

/**
 * Repeats a job until the gateway has closed.
 *
 * @param options.runs_at_close runs it once more at the end, for a job that writes what the gateway collected in memory
 */
export function scheduleUntilClose(app: FastifyInstance, job: Job, options: { runs_at_close?: boolean } = {}): void {
  const scheduled = schedule(job, app.log)
  app.addHook('onClose', async () => {
    await scheduled.stop()
    if (options.runs_at_close === true) await scheduled.run()
  })
}
