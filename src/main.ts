import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { type Demo, demoCommands, plantDemo } from './app/demo/index.js'
import { createGateway } from './app/gateway.js'
import { logOptions } from './app/logging.js'
import { openUpstreams, reloadUpstreams } from './features/upstreams/pool/upstreams.js'
import { configure } from './kernel/config/config.js'
import { ConfigurationError, readEnvironment } from './kernel/config/env.js'
import { loadSecrets } from './kernel/config/secrets.js'
import { openDatabase } from './kernel/database/open.js'
import { checkPreconditions } from './kernel/database/preconditions.js'

/**
 * A stop has three parts, and ends within 10 s, before whoever stops us loses patience. First readiness fails while
 * everything is still answered, so that a load balancer looks away before the door shuts. Then the listener closes,
 * and requests in flight finish. A connection that is still open after that would never end by itself.
 */
const UNREADY_MS = { production: 2_000, otherwise: 250 }
const FINISH_MS = 6_000
const STOP_MS_MAX = 9_500
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

/** The process: environment to configuration to parts to gateway, and the way back. */
async function main(): Promise<void> {
  const environment = readEnvironment()
  const config = configure(environment)
  const logger = pino(logOptions(config.log_level))
  // Before anything is opened, for the same reason: a mistake in it should not leave a new database behind.
  const upstreams = config.upstreams_file === undefined ? undefined : openUpstreams(config.upstreams_file, Date.now)
  // Read before anything is opened: a mistake in them should not leave a new database behind.
  const given = environment.JWT_SIGNING_KEYS === undefined ? undefined : await loadSecrets(environment, config.storage)
  const database = await openDatabase(config.storage, (error) =>
    logger.warn({ err: error }, 'a database connection broke'),
  )
  try {
    await checkPreconditions(database)
    const secrets = given ?? (await loadSecrets(environment, config.storage))
    let is_draining = false
    const { app, stores } = await createGateway({
      config,
      secrets,
      database,
      clock: Date.now,
      logger: logOptions(config.log_level),
      isDraining: () => is_draining,
      upstreams,
    })
    if (config.redis_url !== undefined) {
      app.log.warn('REDIS_URL is set, but this release counts in memory: each replica counts for itself')
    }
    const demo =
      config.storage.engine === 'embedded' && !config.production
        ? await plantDemo(stores, config.storage.data_dir, config.public_url)
        : undefined
    await app.listen({ host: config.host, port: config.port })
    // Where there are upstreams a hang-up reads them again; elsewhere it is an end like any other.
    const skip = upstreams === undefined ? [...SIGNALS] : [...SIGNALS, 'SIGHUP' as const]
    const { close } = closeWithGrace({ delay: STOP_MS_MAX, logger: false, skip }, async ({ err }) => {
      is_draining = true
      app.log.info('draining')
      if (err !== undefined) app.log.error({ err }, 'the process breaks off')
      else await sleep(config.production ? UNREADY_MS.production : UNREADY_MS.otherwise)
      await finish(app)
      await database.close()
      app.log.info('stopped')
    })
    // A terminal sends Ctrl-C to npm and to us, and npm passes its own on: the second one must not cut the stop short.
    for (const signal of SIGNALS) process.on(signal, () => void (is_draining || close()))
    if (upstreams !== undefined) process.on('SIGHUP', () => reloadUpstreams(upstreams, app.log))
    if (demo !== undefined) process.stdout.write(demoCommands(demo, await accessOf(app, demo)))
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Takes no more connections, and waits for those that are being answered; whoever drips is cut off in the end. */
async function finish(app: FastifyInstance): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), FINISH_MS)
  await app.close()
  clearTimeout(cut)
}

/** An access token for the commands that are printed: a login like any other. */
async function accessOf(app: FastifyInstance, { variables }: Demo): Promise<string> {
  const payload = { email: variables.AGENT_EMAIL, password: variables.AGENT_PASSWORD }
  const answer = await app.inject({ method: 'POST', url: '/v1/auth/login', payload })
  return String(answer.json<{ access?: string }>().access)
}

main().catch((error: unknown) => {
  process.stderr.write(`gatehouse: ${explain(error)}\n`)
  process.exitCode = 1
})

/** What an operator can mend is one line, and so is what the system or the database says; anything else is ours. */
function explain(error: unknown): string {
  if (error instanceof ConfigurationError || !(error instanceof Error)) return String(error)
  const { code, message } = error as NodeJS.ErrnoException
  const is_from_outside = code !== undefined && /^(E[A-Z]+|[0-9A-Z]{5})$/.test(code)
  if (!is_from_outside) return String(error.stack)
  if (code === 'EADDRINUSE') return `${message}; stop what listens there, or set another PORT or METRICS_PORT`
  return message.includes(code) ? message : `${code}${message === '' ? '' : `: ${message}`}`
}
