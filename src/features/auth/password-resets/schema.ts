import { Type } from 'typebox'
import { closed } from '../../../kernel/rest/schemas.js'
import { Password } from '../schema.js'

export const NewPasswordReset = closed({ email: Type.String({ minLength: 1, maxLength: 254 }) })
export const PasswordReset = closed({ password: Password })
