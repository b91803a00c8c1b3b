import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import { pino } from 'pino'
import type { Config } from '../kernel/config/config.js'
import { type MetricsServer, openMetricsServer } from '../kernel/metrics/server.js'
import { metricsOfWorkers } from '../kernel/metrics/workers.js'
import { logDestination, surviveFullOutputs } from './log-destination.js'
import { logOptions } from './logging.js'
import { STOP_MS_MAX } from './stop.js'
import { closeUntaken } from './untaken-connections.js'

/** A worker that ended is started again after this time, and after twice as long each time it ends soon after its start. */
const RESTART_MS_MIN = 100
const RESTART_MS_MAX = 5_000
/** A worker that has lived for so long did not end because of its start. */
const SETTLED_MS = 10_000
/** Workers end by themselves before this. */
const KILL_AFTER_MS = STOP_MS_MAX + 500

/**
 * Runs `config.workers` processes that serve one port. Each is a replica. This process accepts connections and passes them on
 * in turn, starts a worker again that has ended, passes signals on, and serves the metrics of all.
 *
 * The first worker starts alone. If it cannot start, it has told why, and the whole ends with its exit code. A later worker
 * that cannot start is tried again, because the others serve.
 *
 * @returns when the first worker serves, or when it could not start
 */
export async function runWorkers(config: Config): Promise<void> {
  surviveFullOutputs()
  const log = pino(logOptions(config.log_level), logDestination())
  const metrics =
    config.metrics === undefined
      ? undefined
      : await openMetricsServer(metricsOfWorkers(), config.metrics.host, config.metrics.port)
  const first = fork()
  const started = await Promise.race([once(first, 'listening'), once(first, 'exit').then(() => undefined)])
  if (started === undefined) {
    metrics?.close()
    process.exitCode = first.process.exitCode ?? 1
    return
  }
  if (metrics !== undefined) log.info({ address: metrics.address }, 'serving metrics at /metrics')
  const fleet = new Fleet(config.workers, log, metrics)
  fleet.watch(first)
  fleet.fill()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => void fleet.stop())
  // As in a single process: with upstreams, SIGHUP reloads the manifest. Without, it stops the process.
  process.on('SIGHUP', () => void (config.upstreams_file === undefined ? fleet.stop() : fleet.signal('SIGHUP')))
}

/** The workers, and their number. */
class Fleet {
  readonly #workers = new Set<Worker>()
  readonly #timers = new Set<NodeJS.Timeout>()
  #restart_ms = RESTART_MS_MIN
  #stopped: Promise<void> | undefined

  constructor(
    private readonly size: number,
    private readonly log: pino.Logger,
    private readonly metrics: MetricsServer | undefined,
  ) {}

  /** Starts workers until there are enough. */
  fill(): void {
    while (this.#workers.size < this.size) this.watch(fork())
  }

  watch(worker: Worker): void {
    const since_ms = performance.now()
    this.#workers.add(worker)
    worker.once('exit', (code, signal) => {
      this.#workers.delete(worker)
      if (this.#stopped !== undefined) return
      const { pid } = worker.process
      if (performance.now() - since_ms > SETTLED_MS) this.#restart_ms = RESTART_MS_MIN
      this.log.error({ worker_pid: pid, exit_code: code, signal, again_in_ms: this.#restart_ms }, 'a worker has ended')
      const timer = setTimeout(() => {
        this.#timers.delete(timer)
        this.fill()
      }, this.#restart_ms)
      this.#timers.add(timer)
      this.#restart_ms = Math.min(this.#restart_ms * 2, RESTART_MS_MAX)
    })
  }

  signal(signal: NodeJS.Signals): void {
    for (const worker of this.#workers) worker.process.kill(signal)
  }

  /** Lets all workers end, at the same time. Resolves when none is left. */
  stop(): Promise<void> {
    this.#stopped ??= this.#end()
    return this.#stopped
  }

  async #end(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    const ends = [...this.#workers].map((worker) => new Promise((resolve) => worker.once('exit', resolve)))
    this.signal('SIGTERM')
    const cut = setTimeout(() => this.signal('SIGKILL'), KILL_AFTER_MS)
    await Promise.all(ends)
    clearTimeout(cut)
    this.metrics?.close()
    this.log.info('all workers have stopped')
  }
}

function fork(): Worker {
  const worker = cluster.fork()
  // A signal to a worker that is ending fails. Its exit tells the rest.
  worker.on('error', () => undefined)
  closeUntaken(worker)
  return worker
}
