import type { FastifyInstance } from 'fastify'

/** Something that collects in memory and writes now and then. */
export interface Flushing {
  readonly name: string
  readonly every_ms: number
  flush(): Promise<unknown>
}

/**
 * Flushes each of them at its interval, and once more when the gateway closes, so that nothing that was counted is lost
 * when it is stopped in an orderly way. A failure is told; the next flush tries again.
 */
export function flushInBackground(app: FastifyInstance, each: readonly Flushing[]): void {
  const flush = ({ name, flush: write }: Flushing) =>
    write().catch((error: unknown) => app.log.warn({ err: error, flushed: name }, 'counters could not be written'))
  const timers = each.map((flushing) => setInterval(() => void flush(flushing), flushing.every_ms).unref())
  app.addHook('onClose', async () => {
    for (const timer of timers) clearInterval(timer)
    for (const flushing of each) await flush(flushing)
  })
}
