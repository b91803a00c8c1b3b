import { Type } from 'typebox'
import { strictObject } from '../../../kernel/rest/schemas.js'

export const ReadMarkerWish = strictObject({ seq: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) })

export const ReadMarker = Type.Object(
  {
    conversation_id: Type.String(),
    user_id: Type.String(),
    seq: Type.Integer(),
    updated_at: Type.String(),
  },
  { $id: 'ReadMarker' },
)
