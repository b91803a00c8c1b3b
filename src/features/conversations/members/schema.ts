import { Type } from 'typebox'
import { strictObject, Uuid } from '../../../kernel/rest/schemas.js'
import { ConversationParams } from '../schema.js'
import { CONVERSATION_ROLES } from '../table.js'

export const MemberParams = strictObject({ ...ConversationParams.properties, user_id: Uuid })
const Role = Type.Enum([...CONVERSATION_ROLES])

export const NewMember = strictObject({ user_id: Uuid, role: Type.Optional(Role) })
export const MemberChange = strictObject({ role: Role })

export const ConversationMember = Type.Object(
  {
    user_id: Type.String(),
    name: Type.String(),
    role: Role,
    read_seq: Type.Integer({ description: 'The seq of the last message that the member has read.' }),
    created_at: Type.String(),
  },
  { $id: 'ConversationMember' },
)
