import type { paths } from './schema'

/** The decision about a request that was not sent. */
export type Explanation =
  paths['/v1/tenants/{tenant_id}/access/explain']['post']['responses'][200]['content']['application/json']
