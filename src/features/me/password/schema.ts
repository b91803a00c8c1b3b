import { strictObject } from '../../../kernel/rest/schemas.js'
import { Password } from '../../auth/schema.js'

export const PasswordChange = strictObject({ current_password: Password, new_password: Password })
