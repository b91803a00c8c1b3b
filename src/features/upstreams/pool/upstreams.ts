import type { FastifyBaseLogger } from 'fastify'
import type { Clock } from '../../../kernel/time/clock.js'
import { readManifestFile } from '../manifest/manifest-file.js'
import { Generation, type Reports } from './generation.js'

/** The upstreams of this process: the manifest in force, and the way to another one. */
export interface Upstreams {
  /** What is in force at this moment. Ask for each request, and stay with it until the request is answered. */
  current(): Generation
  /**
   * Reads the file again and puts it in force, all of it at once.
   * @throws ConfigurationError when it is not good; then everything is as it was.
   */
  reload(): Generation
  /** Calls the listener after each reload, when the new generation is current. */
  onReload(listener: () => void): void
  /** Sets who receives the changes of breakers and of health. */
  reportTo(reports: Reports): void
  close(): Promise<void>
}

/**
 * Reads the manifest and puts it in force.
 * @throws ConfigurationError with a line for each mistake
 */
export function openUpstreams(file: string, clock: Clock): Upstreams {
  let told: Reports = { breakerChanged: () => undefined, healthSaid: () => undefined }
  const reports: Reports = {
    breakerChanged: (...change) => told.breakerChanged(...change),
    healthSaid: (...change) => told.healthSaid(...change),
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

/** Reads the manifest again, and says in the log what came of it. One that is not good changes nothing. */
export function reloadUpstreams(upstreams: Upstreams, log: FastifyBaseLogger): void {
  try {
    const { manifest, routes } = upstreams.reload()
    log.info({ upstreams: manifest.upstreams.length, routes: routes.length }, 'the upstreams were read again')
  } catch (error) {
    log.error({ reason: String(error) }, 'the upstreams stay as they were: the file is not good')
  }
}
