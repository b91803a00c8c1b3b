import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../../../kernel/time/clock.js'
import { readManifestFile } from '../manifest/manifest-file.js'
import { Generation, type Reports } from './generation.js'

/** The upstreams of this process: the current manifest, and its replacement. */
export interface Upstreams {
  /** Returns the current generation. A request must use one generation from its match to its response. */
  current(): Generation
  /**
   * Reads the file again and applies it as a whole.
   * @throws ConfigurationError when it is invalid. The current manifest then stays in force.
   */
  reload(): Generation
  /** Calls the listener after each reload, when the new generation is current. */
  onReload(listener: () => void): void
  /** Sets who receives the changes of breakers and of health. */
  reportTo(reports: Reports): void
  close(): Promise<void>
}

/**
 * Reads the manifest and applies it.
 * @throws ConfigurationError with a line for each mistake
 */
export function openUpstreams(file: string, clock: Clock): Upstreams {
  const ignore = () => undefined
  let told: Reports = { onBreakerChange: ignore, onHealthChange: ignore, log: { warn: ignore } }
  const reports: Reports = {
    onBreakerChange: (...change) => told.onBreakerChange(...change),
    onHealthChange: (...change) => told.onHealthChange(...change),
    log: { warn: (...line) => told.log.warn(...line) },
  }
  const read = () => new Generation(readManifestFile(file), clock, reports)
  let generation = read()
  const retired = new Set<Generation>()
  const reload_listeners: (() => void)[] = []
  return {
    current: () => generation,
    reload() {
      const before = generation
      generation = read()
      retired.add(before)
      before.retire(() => retired.delete(before))
      for (const listener of reload_listeners) listener()
      return generation
    },
    onReload(listener) {
      reload_listeners.push(listener)
    },
    reportTo(reports) {
      told = reports
    },
    async close() {
      await Promise.all([generation, ...retired].map((each) => each.close()))
    },
  }
}

/** Reads the manifest again and logs the result. An invalid manifest changes nothing. */
export function reloadUpstreams(upstreams: Upstreams, log: FastifyBaseLogger): void {
  try {
    const { manifest, routes } = upstreams.reload()
    log.info({ upstreams: manifest.upstreams.length, routes: routes.length }, 'manifest of upstreams reloaded')
  } catch (error) {
    log.error({ reason: String(error) }, 'manifest of upstreams not reloaded: the file is invalid')
  }
}
