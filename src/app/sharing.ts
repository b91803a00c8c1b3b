import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { Gauge, type Registry } from 'prom-client'
import type { Database } from '../kernel/database/database.js'
import { installationId } from '../kernel/database/installation.js'
import type { Sharing } from '../kernel/limits/counters.js'
import type { SharingState } from '../kernel/limits/sharing-state.js'
import { RedisAnnouncements } from '../kernel/redis/redis-announcements.js'
import { RedisLink } from '../kernel/redis/redis-link.js'
import { redisWindows } from '../kernel/redis/redis-windows.js'
import type { Announcements } from '../kernel/replicas/announcements.js'
import type { Replica } from '../kernel/replicas/replica.js'

/** What this process shares with other replicas beside the database: counts of budgets, and events of conversations. */
export interface SharingParts extends Sharing {
  readonly announcements: Announcements
  state(): SharingState
  /** Adds the metrics to a registry. */
  register(registry: Registry): void
}

/** Connects to Redis if there is one, until the gateway has closed. A Redis that is away does not stop the start. */
export async function startSharing(
  app: FastifyInstance,
  database: Database,
  replica: Replica,
  redis_url: string | undefined,
  replicas: () => number = () => replica.count(),
): Promise<SharingParts> {
  if (redis_url === undefined) {
    const state = (): SharingState => ({ redis: 'none', budgets: replicas() > 1 ? 'apart' : 'together' })
    return { replicas, announcements: replica, state, register: (registry) => registerState(registry, state) }
  }
  // Installations that share a Redis share nothing in it.
  const link = new RedisLink(redis_url, `gatehouse:${await installationId(database)}`, app.log)
  const announcements = new RedisAnnouncements(redis_url, link, replica, app.log)
  app.addHook('onClose', async () => {
    announcements.close()
    link.close()
  })
  await Promise.all([link.start(), announcements.start()])
  const state = (): SharingState => ({
    redis: link.isUp() ? 'ok' : 'failing',
    budgets: link.isUp() || replicas() === 1 ? 'together' : 'apart',
  })
  return {
    replicas,
    windows: redisWindows(link, randomUUID()),
    announcements,
    state,
    register: (registry) => registerState(registry, state),
  }
}

function registerState(registry: Registry, state: () => SharingState): void {
  const registers = [registry]
  new Gauge({
    name: 'gatehouse_redis_up',
    help: '1 if Redis accepts writes, 0 if it does not, or if there is none.',
    registers,
    aggregator: 'min',
    collect() {
      this.set(state().redis === 'ok' ? 1 : 0)
    },
  })
  new Gauge({
    name: 'gatehouse_budgets_apart',
    help: '1 if each replica counts its part of every budget, 0 if all replicas count together.',
    registers,
    aggregator: 'max',
    collect() {
      this.set(state().budgets === 'apart' ? 1 : 0)
    },
  })
}
