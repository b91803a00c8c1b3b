import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { NO_STORE_PARTS } from '../../kernel/store/store-parts.js'
import account, { type AccountOptions } from './account-routes.js'
import me from './routes.js'

/** The signed-in user: profile, password and sessions. The stores are those of `auth`. */
export default {
  ...NO_STORE_PARTS,
  expiring: [],
  routes(services: AccountOptions) {
    return [mount('/v1/me', me), mount('/v1/me', account, services)]
  },
} satisfies Feature
