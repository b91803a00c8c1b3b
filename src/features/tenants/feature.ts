import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import tenants, { type TenantsOptions } from './routes.js'
import { TenantReader, TenantWriter } from './settings-store.js'
import { TenantsReader, TenantsWriter } from './store.js'

/** The tenants of a user, and the settings of one tenant. */
export default {
  tenant_readers: { tenant: TenantReader },
  tenant_writers: { tenant: TenantWriter },
  platform_readers: { tenants: TenantsReader },
  platform_writers: { tenants: TenantsWriter },
  unaudited_writers: {},
  expiring: [],
  tags: [{ name: 'tenants', description: 'Management plane: tenants, keys and members' }],
  routes({ allow_tenants }: TenantsOptions) {
    return [mount('/v1/tenants', tenants, { allow_tenants })]
  },
} satisfies Feature
