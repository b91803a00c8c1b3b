import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import membersDirectory from './members/routes.js'
import directory from './routes.js'
import { DirectoryReader } from './store.js'

/** The names of the members and the keys of a tenant. */
export default {
  tenant_readers: { directory: DirectoryReader },
  tenant_writers: {},
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: {},
  expiring: [],
  tags: [{ name: 'directory', description: 'Data plane: names of the members and the keys of the tenant' }],
  routes() {
    return [mount('/v1/tenants/:tenant_id/directory', membersDirectory), mount('/v1/directory', directory)]
  },
} satisfies Feature
