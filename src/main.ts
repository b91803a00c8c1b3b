import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import { configure } from './config/config.js'
import { ConfigurationError, readEnvironment } from './config/env.js'
import { loadSecrets } from './config/secrets.js'
import { plantDemo } from './demo/index.js'
import { createGateway } from './gateway.js'
import { logOptions } from './logging.js'
import { openDatabase } from './storage/open.js'
import { checkPreconditions } from './storage/preconditions.js'

/** In-flight requests have this long to finish after a signal. */
const DRAIN_MS = 9_000

/** The process: environment to configuration to parts to gateway, and the way back. */
async function main(): Promise<void> {
  const environment = readEnvironment()
  const config = configure(environment)
  const logger = pino(logOptions(config.log_level))
  const database = await openDatabase(config.storage, (error) =>
    logger.warn({ err: error }, 'a database connection broke'),
  )
  try {
    await checkPreconditions(database)
    const secrets = await loadSecrets(environment, config.storage)
    let is_draining = false
    const app = await createGateway({
      config,
      secrets,
      database,
      clock: Date.now,
      logger: logOptions(config.log_level),
      isDraining: () => is_draining,
    })
    if (config.redis_url !== undefined) {
      app.log.warn('REDIS_URL is set, but this release counts in memory: each replica counts for itself')
    }
    const demo =
      config.storage.engine === 'embedded' && !config.production
        ? await plantDemo(database, config.storage.data_dir, config.public_url)
        : undefined
    await app.listen({ host: config.host, port: config.port })
    closeWithGrace({ delay: DRAIN_MS, logger: false }, async ({ err }) => {
      if (err !== undefined) app.log.error({ err }, 'the process breaks off')
      // Readiness fails first; then the sockets close, those with a request in flight after its answer.
      is_draining = true
      app.log.info('draining')
      await app.close()
      await database.close()
      app.log.info('stopped')
    })
    if (demo !== undefined) process.stdout.write(demo)
  } catch (error) {
    await database.close()
    throw error
  }
}

main().catch((error: unknown) => {
  // What an operator can mend is one line; anything else is ours, and comes with its stack.
  const text = error instanceof ConfigurationError || !(error instanceof Error) ? String(error) : error.stack
  process.stderr.write(`gatehouse: ${text}\n`)
  process.exitCode = 1
})
