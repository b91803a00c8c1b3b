import { Type } from 'typebox'
import { Nullable, strictObject, Uuid } from '../../../kernel/rest/schemas.js'

export const SessionParams = strictObject({ session_id: Uuid })

export const Session = Type.Object(
  {
    id: Type.String(),
    is_current: Type.Boolean(),
    address: Nullable(Type.String()),
    user_agent: Nullable(Type.String()),
    created_at: Type.String(),
    expires_at: Type.String(),
  },
  { $id: 'Session' },
)
