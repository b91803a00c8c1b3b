import { Type } from 'typebox'
import { PageQuery } from '../../../../kernel/rest/pagination.js'
import { Nullable, strictObject, Text, Uuid } from '../../../../kernel/rest/schemas.js'
import { searchIn } from '../../../../kernel/rest/search.js'
import { TenantIdParams } from '../schema.js'

export const PlatformMemberQuery = strictObject({ ...PageQuery, ...searchIn('email or name') })

export const OwnerParams = strictObject({ ...TenantIdParams.properties, user_id: Uuid })

export const NamingReason = strictObject({
  reason: Text(500, 'Why the platform names an Owner. The audit keeps it, and the tenant sees it there.'),
})

export const PlatformMember = Type.Object(
  {
    user_id: Type.String(),
    email: Type.String(),
    name: Type.String(),
    state: Type.Enum(['active', 'pending', 'disabled'], { description: 'The state of the membership.' }),
    roles: Type.Array(Type.String()),
    created_at: Type.String(),
    owner_offered_at: Nullable(
      Type.String({
        description: 'When an operator offered the user to become the Owner. null without an open offer.',
      }),
    ),
    email_verified_at: Nullable(Type.String()),
    disabled_at: Nullable(Type.String({ description: 'When an operator disabled the user in every tenant.' })),
  },
  { $id: 'PlatformMember' },
)

export const OwnerOffer = Type.Object(
  { tenant_id: Type.String(), user_id: Type.String(), owner_offered_at: Type.String() },
  { $id: 'OwnerOffer' },
)
