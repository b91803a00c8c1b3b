import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { openUpstreams, reloadUpstreams } from '../features/upstreams/pool/upstreams.js'
import type { Config } from '../kernel/config/config.js'
import type { Secrets } from '../kernel/config/secrets.js'
import { passwordEstimator } from '../kernel/credentials/passwords.js'
import { openDatabase } from '../kernel/database/open.js'
import { checkPreconditions } from '../kernel/database/preconditions.js'
import { banner, tellSteps } from './banner.js'
import { type Demo, seedDemo } from './demo/index.js'
import { createGateway } from './gateway.js'
import { logDestination, surviveFullOutputs } from './log-destination.js'
import { logOptions } from './logging.js'
import { STOP_MS_MAX } from './stop.js'

/**
 * A stop ends within 10 s, before the supervisor sends SIGKILL. First, readiness fails while the gateway still answers
 * requests, so that load balancers stop sending new ones. Second, the listener closes and requests in flight finish.
 * Third, after FINISH_MS, the process closes the connections that are still open.
 */
const UNREADY_MS = { production: 2_000, otherwise: 250 }
const FINISH_MS = 6_000
/** The pages that the banner names, if this process has them. */
const PAGES = [
  ['Console', '/console'],
  ['API reference', '/docs'],
  ['Problems', '/problems'],
] as const
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/**
 * Runs the gateway until a signal stops it. Starts the parts, then the gateway; stops them in the reverse order.
 *
 * @param secrets the configured signing keys, or a function that makes or reads those of the data folder
 * @throws ConfigurationError, and errors of the system and the database
 */
export async function runGateway(config: Config, secrets: Secrets | (() => Promise<Secrets>)): Promise<void> {
  surviveFullOutputs()
  const destination = logDestination()
  const logger = pino(logOptions(config.log_level), destination)
  // The manifest is read first, so that an error in it does not leave a new database behind.
  const upstreams = config.upstreams_file === undefined ? undefined : openUpstreams(config.upstreams_file, Date.now)
  const tell = tellSteps(process.stderr, config.production)
  const database = await openDatabase(
    config.storage,
    (error) => logger.warn({ err: error }, 'database connection lost'),
    tell,
  )
  let opened: FastifyInstance | undefined
  try {
    await checkPreconditions(database)
    let is_draining = false
    const has_demo = config.storage.engine === 'embedded' && !config.production
    let demo: Demo | undefined
    const { app, stores } = await createGateway({
      config,
      secrets: typeof secrets === 'function' ? await secrets() : secrets,
      database,
      clock: Date.now,
      logger: { ...logOptions(config.log_level), stream: destination },
      isDraining: () => is_draining,
      upstreams,
      ...(has_demo && { demoNow: () => demo }),
    })
    opened = app
    if (config.workers > 1 && config.storage.engine === 'embedded') {
      app.log.warn('WORKERS has no effect without DATABASE_URL: one process uses the embedded database')
    }
    if (has_demo) demo = await seedDemo(stores, config.storage.data_dir, config.public_url, tell)
    await app.listen({ host: config.host, port: config.port })
    // With upstreams, SIGHUP reloads the manifest. Without, it stops the process like other signals.
    const skip = upstreams === undefined ? [...SIGNALS] : [...SIGNALS, 'SIGHUP' as const]
    const { close } = closeWithGrace({ delay: STOP_MS_MAX, logger: false, skip }, async ({ err }) => {
      is_draining = true
      app.log.info('draining')
      if (err !== undefined) app.log.error({ err }, 'stopping after a fatal error')
      else await sleep(config.production ? UNREADY_MS.production : UNREADY_MS.otherwise)
      await finish(app)
      await database.close()
      app.log.info('stopped')
    })
    // A terminal sends Ctrl-C to npm and to this process, and npm forwards its own. The second one must not shorten the stop.
    for (const signal of SIGNALS) process.on(signal, () => void (is_draining || close()))
    if (upstreams !== undefined) process.on('SIGHUP', () => reloadUpstreams(upstreams, app.log))
    if (config.production) setImmediate(passwordEstimator)
    else {
      const pages = PAGES.filter(([, url]) => app.hasRoute({ method: 'GET', url }))
      process.stderr.write(banner({ public_url: config.public_url, pages, demo }, process.stderr))
    }
  } catch (error) {
    // Its jobs and its metrics would keep the process running.
    await opened?.close()
    await database.close()
    throw error
  }
}

/** Closes the listener and waits for requests in flight. After FINISH_MS it closes the connections that remain. */
async function finish(app: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), FINISH_MS)
  await app.close()
  clearTimeout(cut)
}
