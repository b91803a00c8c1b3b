import { Type } from 'typebox'

/** The names of roles. A role name is unique within its tenant. */
export const RoleNames = Type.Array(Type.String({ minLength: 1, maxLength: 200 }), {
  uniqueItems: true,
  maxItems: 20,
  description: 'Names of roles of this tenant, in their exact spelling.',
})
