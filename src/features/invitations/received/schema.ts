import { Type } from 'typebox'
import { strictObject } from '../../../kernel/rest/schemas.js'

/** The token of the link in the mail. */
export const LinkParams = strictObject({ token: Type.String({ minLength: 1, maxLength: 64 }) })

export const Joined = Type.Object({ tenant: Type.Object({ id: Type.String(), name: Type.String() }) })
