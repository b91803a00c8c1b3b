import { Type } from 'typebox'
import { DELIVERY_STATES, type DeliveryFailure } from '../../kernel/identity/invitations-table.js'
import { RoleNames } from '../../kernel/rest/role-names.js'
import { Email, Nullable, strictObject, TenantParams, Uuid } from '../../kernel/rest/schemas.js'
import type { InvitationRecord } from './store.js'

export const InvitationParams = strictObject({ ...TenantParams.properties, invitation_id: Uuid })

export const NewInvitation = strictObject({ email: Email, roles: RoleNames })

/** What became of the mail with the current link. */
const Delivery = Type.Object({
  state: Type.Enum([...DELIVERY_STATES]),
  reason: Nullable(Type.String()),
  at: Type.String(),
})

export const Invitation = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    roles: Type.Array(Type.String()),
    invited_by: Nullable(Type.String()),
    created_at: Type.String(),
    delivery: Delivery,
    expires_at: Type.String(),
    accepted_at: Nullable(Type.String()),
    declined_at: Nullable(Type.String()),
    revoked_at: Nullable(Type.String()),
  },
  { $id: 'Invitation' },
)

/** Why a mail was not delivered, without what the mail server said. */
const DELIVERY_REASONS: Readonly<Record<DeliveryFailure, string>> = {
  address_refused: 'The mail server refused the address. Check it, and invite the right address.',
  mail_refused: 'The mail server refused the mail. Ask the operator of the gateway.',
  timed_out: 'The mail could not be delivered in time. Send the invitation again.',
  link_ended: 'The invitation was closed before its mail was sent.',
}

/** Makes the response of an invitation. */
export function toResponse({ delivery_state, delivery_failure, delivery_at, ...invitation }: InvitationRecord) {
  const reason = delivery_failure === null ? null : DELIVERY_REASONS[delivery_failure]
  return { ...invitation, delivery: { state: delivery_state, reason, at: delivery_at } }
}
