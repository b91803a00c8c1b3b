import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import customers from './routes.js'
import { CustomersReader, CustomersWriter } from './store.js'

/** The customers of a tenant. */
export default {
  tenant_readers: { customers: CustomersReader },
  tenant_writers: { customers: CustomersWriter },
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: {},
  expiring: [],
  tags: [{ name: 'customers', description: 'Data plane: customers' }],
  routes() {
    return [mount('/v1/customers', customers)]
  },
} satisfies Feature
