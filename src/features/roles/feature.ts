import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import roles, { type RolesOptions } from './routes.js'
import { RolesReader, RolesWriter } from './store.js'

/** The roles of a tenant. */
export default {
  tenant_readers: { roles: RolesReader },
  tenant_writers: { roles: RolesWriter },
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: {},
  expiring: [],
  tags: [],
  routes({ catalogue, scopesNow }: RolesOptions) {
    return [mount('/v1/tenants/:tenant_id/roles', roles, { catalogue, scopesNow })]
  },
} satisfies Feature
