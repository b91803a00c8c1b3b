import type { FastifyInstance } from 'fastify'
import type { AccessRules } from '../kernel/authz/access-rules.js'
import { accessTokens } from '../kernel/credentials/access-tokens.js'
import { openPasswords } from '../kernel/credentials/passwords.js'
import { pendingMigrations } from '../kernel/database/migrate.js'
import { openAfterResponseQueue } from '../kernel/jobs/after-response.js'
import { scheduleUntilClose } from '../kernel/jobs/schedule.js'
import { openLimiter } from '../kernel/limits/limiter.js'
import { connectReplicas } from '../kernel/live/between-replicas.js'
import { openLive } from '../kernel/live/live.js'
import type { ScopesNow } from '../kernel/permissions/scope-catalogue.js'
import { openBus } from '../kernel/store/bus.js'
import { openStores } from './composition/stores.js'
import { conversationLog } from './conversation-log.js'
import { startCounting } from './counting.js'
import { observing } from './http/observe.js'
import { collectRoutes } from './http/route-catalogue.js'
import { startMailing } from './mailing.js'
import { showMetrics } from './metrics.js'
import type { Parts } from './parts.js'
import { startReplicating } from './replicating.js'
import { applyRetention, RETENTION_EVERY_MS } from './retention.js'
import { startSharing } from './sharing.js'
import { SWEEP_EVERY_MS, sweepSessions } from './sweep.js'

/** What stages and features can ask for. Each feature names the services that it needs in its `feature.ts`. */
export type Services = Awaited<ReturnType<typeof openServices>>

/** Opens everything that lives as long as the process. The end of the app closes it. */
export async function openServices(app: FastifyInstance, parts: Parts, rules: AccessRules, scopesNow: ScopesNow) {
  const { config, secrets, database, clock, upstreams } = parts
  const { public_url, link_url } = config
  const access_tokens = await accessTokens(app, secrets.signing_keys, public_url, config.access_token_seconds, clock)
  const passwords = await openPasswords()
  const bus = openBus((error) => app.log.error({ err: error }, 'a listener of the bus failed'))
  const replicating = await startReplicating(app, database)
  const { replica, facts, roles, barrier } = replicating
  const sharing = await startSharing(app, database, replica, config.redis_url, parts.countReplicas)
  const limiter = await openLimiter(app, config.budgets, clock, sharing)
  const disconnect = connectReplicas(bus, sharing.announcements)
  app.addHook('preClose', async () => disconnect())
  const stores = openStores({ database, clock, bus, barrier })
  const counting = startCounting(app, database, stores, clock, parts.openUsage)
  if (config.metrics !== undefined) await showMetrics(app, counting.metrics, config.metrics.host, config.metrics.port)
  const { mail, budgets } = config
  const { registry } = counting.metrics
  replicating.register(registry)
  sharing.register(registry)
  const { signing_keys } = secrets
  const mailing = startMailing(app, {
    stores,
    bus,
    clock,
    signing_keys,
    mail,
    is_production: config.production,
    budget: budgets.mailbox,
    registry,
  })
  const after_response = openAfterResponseQueue(app.log)
  app.addHook('onClose', async () => {
    // In this order, because a task of the queue can send a mail.
    await after_response.settled()
    await mailing.stop()
  })
  scheduleUntilClose(app, { name: 'sweep', every_ms: SWEEP_EVERY_MS, run: () => sweepSessions(stores) })
  scheduleUntilClose(app, { name: 'retention', every_ms: RETENTION_EVERY_MS, run: () => applyRetention(stores) })
  const log = conversationLog(stores)
  return {
    ...counting,
    access_tokens,
    after_response,
    allow_registration: config.allow_registration,
    allow_tenants: config.allow_tenants,
    bus,
    catalogue: collectRoutes(app, upstreams),
    clock,
    facts,
    isDraining: parts.isDraining,
    limiter,
    link_url,
    live: openLive(app, { bus, log, facts, rules, clock, limits: config.connections }),
    observe: observing(counting),
    outbox: mailing.outbox,
    passwords,
    pendingMigrations: () => pendingMigrations(database),
    public_url,
    replica,
    refresh_token_seconds: config.refresh_token_seconds,
    roles,
    rules,
    scopesNow,
    sharing,
    signing_keys,
    stores,
    upstreams,
  }
}
