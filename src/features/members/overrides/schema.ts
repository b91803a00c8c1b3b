import { Type } from 'typebox'
import { OVERRIDE_EFFECTS } from '../../../kernel/permissions/evaluate.js'
import { closed, ScopeName } from '../../../kernel/rest/schemas.js'
import { MemberParams } from '../schema.js'

/** Only a scope that the gateway knows can be granted or denied. An override of a scope that it forgot can be removed. */
export const NewOverrideParams = closed({ ...MemberParams.properties, scope: ScopeName })
export const OverrideParams = closed({ ...MemberParams.properties, scope: Type.String() })

export const Override = Type.Object(
  {
    scope: Type.String(),
    effect: Type.Enum([...OVERRIDE_EFFECTS]),
    reason: Type.String(),
    created_at: Type.String(),
  },
  { $id: 'Override' },
)

export const NewOverride = closed({
  effect: Type.Enum([...OVERRIDE_EFFECTS]),
  reason: Type.String({ minLength: 1, maxLength: 500, description: 'Why the override exists, for later readers.' }),
})

export const Overrides = Type.Object({ data: Type.Array(Override) })
