import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import type { Limiter } from '../../kernel/limits/limiter.js'
import { NO_STORE_PARTS } from '../../kernel/store/store-parts.js'
import explain, { type ExplainOptions } from './explain/routes.js'
import access from './routes.js'
import scopes from './scopes/routes.js'

interface Services extends ExplainOptions {
  readonly limiter: Limiter
}

/** The scopes of a caller, and explanations of decisions. */
export default {
  ...NO_STORE_PARTS,
  expiring: [],
  tags: [{ name: 'access', description: 'The identity and the scopes of the caller' }],
  routes(services: Services) {
    const { limiter, catalogue, scopesNow } = services
    return [
      mount('/v1/tenants/:tenant_id/access/explain', explain, services),
      mount('/v1/tenants/:tenant_id/scopes', scopes, { catalogue, scopesNow }),
      mount('/v1/access', access, { limiter, scopesNow }),
    ]
  },
} satisfies Feature
