import { Type } from 'typebox'
import { OVERRIDE_EFFECTS } from '../../../kernel/permissions/evaluate.js'
import { ScopeName, strictObject, Text } from '../../../kernel/rest/schemas.js'
import { MemberParams } from '../schema.js'

/** Only a scope that the gateway knows can be granted or denied. An override of a scope that it forgot can be removed. */
export const NewOverrideParams = strictObject({ ...MemberParams.properties, scope: ScopeName })
export const OverrideParams = strictObject({ ...MemberParams.properties, scope: Type.String() })

export const Override = Type.Object(
  {
    scope: Type.String(),
    effect: Type.Enum([...OVERRIDE_EFFECTS]),
    reason: Type.String(),
    created_at: Type.String(),
  },
  { $id: 'Override' },
)

export const NewOverride = strictObject({
  effect: Type.Enum([...OVERRIDE_EFFECTS]),
  reason: Text(500, 'Why the override exists, for later readers. The member can read it too.'),
})
