import { Type } from 'typebox'

/** Roles by their names; a role name means something in its own tenant only. */
export const RoleNames = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
  uniqueItems: true,
  maxItems: 20,
  description: 'Names of roles of this tenant, exactly as they are written.',
})
