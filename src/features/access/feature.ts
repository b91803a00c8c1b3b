import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import type { Limiter } from '../../kernel/limits/limiter.js'
import type { RouteCatalogue } from '../../kernel/request/route-catalogue.js'
import { NO_STORE_PARTS } from '../../kernel/store/store-parts.js'
import explain from './explain-routes.js'
import { ExplainReader } from './explain-store.js'
import access from './routes.js'

interface Services {
  readonly limiter: Limiter
  readonly catalogue: RouteCatalogue
}

/** The scopes of a caller, and explanations of decisions. */
export default {
  ...NO_STORE_PARTS,
  tenant_readers: { explain: ExplainReader },
  expiring: [],
  routes({ limiter, catalogue }: Services) {
    return [mount('/v1/tenants/:tenant_id', explain, { catalogue }), mount('/v1/access', access, { limiter })]
  },
} satisfies Feature
