import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { NO_STORE_PARTS } from '../../kernel/store/store-parts.js'
import type { LoginParts } from '../auth/login.js'
import emailVerification, { type EmailVerificationOptions } from './email-verification/routes.js'
import password from './password/routes.js'
import { PasswordWriter } from './password/store.js'
import me, { type ProfileOptions } from './routes.js'
import sessions from './sessions/routes.js'

/** The signed-in user: profile, password and sessions. It uses the stores of `auth` too. */
export default {
  ...NO_STORE_PARTS,
  platform_writers: { password: PasswordWriter },
  expiring: [],
  tags: [{ name: 'me', description: 'The signed-in user' }],
  routes(services: LoginParts & EmailVerificationOptions & ProfileOptions) {
    return [
      mount('/v1/me', me, services),
      mount('/v1/me/password', password, services),
      mount('/v1/me/sessions', sessions),
      mount('/v1/me/email-verification', emailVerification, services),
    ]
  },
} satisfies Feature
