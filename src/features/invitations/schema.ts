import { Type } from 'typebox'
import { RoleNames } from '../../kernel/rest/role-names.js'
import { Email, Nullable, strictObject, TenantParams, Uuid } from '../../kernel/rest/schemas.js'

export const InvitationParams = strictObject({ ...TenantParams.properties, invitation_id: Uuid })

export const NewInvitation = strictObject({ email: Email, roles: RoleNames })

export const Invitation = Type.Object(
  {
    id: Type.String(),
    email: Type.String(),
    roles: Type.Array(Type.String()),
    invited_by: Nullable(Type.String()),
    created_at: Type.String(),
    sent_at: Type.String(),
    expires_at: Type.String(),
    accepted_at: Nullable(Type.String()),
    declined_at: Nullable(Type.String()),
    revoked_at: Nullable(Type.String()),
  },
  { $id: 'Invitation' },
)
