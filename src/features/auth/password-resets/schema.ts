import { Type } from 'typebox'
import { strictObject } from '../../../kernel/rest/schemas.js'
import { Password } from '../schema.js'

export const NewPasswordReset = strictObject({ email: Type.String({ minLength: 1, maxLength: 254 }) })
export const PasswordReset = strictObject({ password: Password })
