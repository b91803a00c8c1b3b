import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import receivedInvitations from './received/routes.js'
import { ReceivedInvitationsReader, ReceivedInvitationsWriter } from './received/store.js'
import invitations, { type InvitationsOptions } from './routes.js'
import { InvitationsReader, InvitationsWriter } from './store.js'

/** Invitations of a tenant, and their acceptance by the invited users. */
export default {
  tenant_readers: { invitations: InvitationsReader },
  tenant_writers: { invitations: InvitationsWriter },
  platform_readers: { received_invitations: ReceivedInvitationsReader },
  platform_writers: { received_invitations: ReceivedInvitationsWriter },
  unaudited_writers: {},
  expiring: [],
  tags: [],
  routes(services: InvitationsOptions) {
    return [
      mount('/v1/invitations', receivedInvitations, { scopesNow: services.scopesNow }),
      mount('/v1/tenants/:tenant_id/invitations', invitations, services),
    ]
  },
} satisfies Feature
