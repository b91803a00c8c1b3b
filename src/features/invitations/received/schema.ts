import { Type } from 'typebox'
import { Name, Nullable, strictObject } from '../../../kernel/rest/schemas.js'
import { Password, TokenPair } from '../../auth/schema.js'
import type { OpenedInvitation } from './reader.js'

/** The token of the link in the mail. */
export const LinkParams = strictObject({ token: Type.String({ minLength: 1, maxLength: 64 }) })

const Tenant = Type.Object({ id: Type.String(), name: Type.String() })

export const Joined = Type.Object({ tenant: Tenant })

/** An invitation, as the holder of its link sees it. */
export const ReceivedInvitation = Type.Object(
  {
    tenant: Tenant,
    roles: Type.Array(Type.String()),
    invited_by: Nullable(Type.Object({ name: Type.String() })),
    email: Type.String({ description: 'The address that the mail was sent to.' }),
    expires_at: Type.String(),
    is_registered: Type.Boolean({
      description:
        'Whether a user has the address. This user logs in and accepts. Without a user, the invited person joins.',
    }),
  },
  { $id: 'ReceivedInvitation' },
)

export const Join = strictObject({ name: Name, password: Password })
/** The form of the page. Without a name, the password is that of the existing user. */
export const JoinForm = strictObject({ name: Type.Optional(Name), password: Password })
export const JoinedSession = Type.Object({ ...TokenPair.properties, tenant: Tenant }, { $id: 'JoinedSession' })

/** Makes the response of an invitation. */
export function toReceived({ tenant_id, tenant_name, inviter_name, ...invitation }: OpenedInvitation) {
  const { email, roles, expires_at, is_registered } = invitation
  return {
    tenant: { id: tenant_id, name: tenant_name },
    roles: [...roles],
    invited_by: inviter_name === null ? null : { name: inviter_name },
    ...{ email, expires_at, is_registered },
  }
}
