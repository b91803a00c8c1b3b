import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import invitationPages, { type InvitationPageOptions } from './received/page.js'
import { ReceivedInvitationsReader } from './received/reader.js'
import receivedInvitations, { type ReceivedInvitationsOptions } from './received/routes.js'
import { ReceivedInvitationsWriter } from './received/store.js'
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
  routes(services: InvitationsOptions & ReceivedInvitationsOptions & InvitationPageOptions) {
    return [
      mount('/invitations', invitationPages, services),
      mount('/v1/invitations', receivedInvitations, services),
      mount('/v1/tenants/:tenant_id/invitations', invitations, services),
    ]
  },
} satisfies Feature
