import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import type { ActorOptions } from './actor.js'
import platformAudit from './platform/routes.js'
import { RefusalsReader, RefusalsWriter } from './refusals-store.js'
import tenantAudit from './routes.js'
import { AuditReader } from './store.js'

/** The audit of a tenant and of the platform. */
export default {
  tenant_readers: { audit: AuditReader, refusals: RefusalsReader },
  tenant_writers: {},
  platform_readers: { audit: AuditReader },
  platform_writers: { refusals: RefusalsWriter },
  unaudited_writers: {},
  expiring: [],
  tags: [],
  routes(services: ActorOptions) {
    return [
      mount('/v1/tenants/:tenant_id/audit-events', tenantAudit, services),
      mount('/v1/platform/audit-events', platformAudit, services),
    ]
  },
} satisfies Feature
