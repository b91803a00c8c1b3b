import { Type } from 'typebox'
import { Email, Name, strictObject } from '../../kernel/rest/schemas.js'

/** A password as a client sends it. The code that sets a new password checks its strength. */
export const Password = Type.String({ minLength: 1, maxLength: 512, description: 'Never logged.' })

export const Login = strictObject({ email: Type.String({ minLength: 1, maxLength: 254 }), password: Password })
export const Refresh = strictObject({ refresh: Type.String({ minLength: 1, maxLength: 128 }) })
export const Registration = strictObject({ email: Email, password: Password, name: Name })
/** The token of a link in a mail. */
export const LinkParams = strictObject({ token: Type.String({ minLength: 1, maxLength: 64 }) })
export const Accepted = Type.Object({ status: Type.String() })

export const TokenPair = Type.Object(
  {
    access: Type.String({ description: 'The access token. Send it as Authorization: Bearer.' }),
    refresh: Type.String({ description: 'Works once, for the next tokens.' }),
    token_type: Type.String(),
    expires_in: Type.Integer({ description: 'Seconds until the access token expires.' }),
    user: Type.Object({
      id: Type.String(),
      email: Type.String(),
      name: Type.String(),
      is_operator: Type.Boolean(),
    }),
  },
  { $id: 'TokenPair' },
)
