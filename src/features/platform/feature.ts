import type { Passwords } from '../../kernel/credentials/passwords.js'
import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import type { Clock } from '../../kernel/time/clock.js'
import analytics from './analytics/routes.js'
import { AnalyticsReader } from './analytics/store.js'
import ownAppointment from './operators/own/routes.js'
import { OwnAppointmentReader, OwnAppointmentWriter } from './operators/own/store.js'
import operators from './operators/routes.js'
import { OperatorsReader, OperatorsWriter } from './operators/store.js'
import tenants from './tenants/routes.js'
import { PlatformTenantsReader, PlatformTenantsWriter } from './tenants/store.js'
import users from './users/routes.js'
import { PlatformUsersReader, PlatformUsersWriter } from './users/store.js'

interface Services {
  readonly clock: Clock
  readonly passwords: Passwords
}

/** The platform, for operators: tenants, users, operators and analytics. And the offer to a user to become an operator. */
export default {
  tenant_readers: {},
  tenant_writers: {},
  platform_readers: {
    platform_tenants: PlatformTenantsReader,
    platform_users: PlatformUsersReader,
    operators: OperatorsReader,
    own_appointment: OwnAppointmentReader,
    analytics: AnalyticsReader,
  },
  platform_writers: {
    platform_tenants: PlatformTenantsWriter,
    platform_users: PlatformUsersWriter,
    operators: OperatorsWriter,
    own_appointment: OwnAppointmentWriter,
  },
  unaudited_writers: {},
  expiring: [],
  tags: [{ name: 'platform', description: 'Operators of the platform' }],
  routes({ clock, passwords }: Services) {
    return [
      mount('/v1/platform/tenants', tenants, { clock }),
      mount('/v1/platform/users', users, { passwords }),
      mount('/v1/platform/operators', operators),
      mount('/v1/me/operator', ownAppointment),
      mount('/v1/platform/analytics', analytics, { clock }),
    ]
  },
} satisfies Feature
