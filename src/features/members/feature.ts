import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { MembershipsReader } from './memberships-store.js'
import overrides from './overrides/routes.js'
import { OverridesReader, OverridesWriter } from './overrides/store.js'
import ownMemberships from './own/routes.js'
import { OwnMembershipsWriter } from './own/store.js'
import members, { type MembersOptions } from './routes.js'
import { MembersReader, MembersWriter } from './store.js'

/** The members of a tenant with their overrides, and the memberships of a user. */
export default {
  tenant_readers: { members: MembersReader, overrides: OverridesReader },
  tenant_writers: { members: MembersWriter, overrides: OverridesWriter },
  platform_readers: { memberships: MembershipsReader },
  platform_writers: { own_memberships: OwnMembershipsWriter },
  unaudited_writers: {},
  expiring: [],
  tags: [],
  routes({ scopesNow }: MembersOptions) {
    return [
      mount('/v1/me/memberships', ownMemberships, { scopesNow }),
      mount('/v1/tenants/:tenant_id/members', members, { scopesNow }),
      mount('/v1/tenants/:tenant_id/members/:user_id/overrides', overrides),
    ]
  },
} satisfies Feature
