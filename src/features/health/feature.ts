import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { NO_STORE_PARTS } from '../../kernel/store/store-parts.js'
import health, { type HealthOptions } from './routes.js'

/** Liveness and readiness. */
export default {
  ...NO_STORE_PARTS,
  expiring: [],
  tags: [],
  routes({ pendingMigrations, isDraining, replica, sharing }: HealthOptions) {
    return [mount('', health, { pendingMigrations, isDraining, replica, sharing })]
  },
} satisfies Feature
