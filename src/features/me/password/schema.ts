import { closed } from '../../../kernel/rest/schemas.js'
import { Password } from '../../auth/schema.js'

export const PasswordChange = closed({ current_password: Password, new_password: Password })
