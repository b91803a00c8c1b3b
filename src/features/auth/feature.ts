import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { one_time_tokens } from '../../kernel/identity/users-table.js'
import verificationPage, { type VerificationPageOptions } from './email-verifications/page.js'
import emailVerifications from './email-verifications/routes.js'
import { EmailVerificationsReader, EmailVerificationsWriter } from './email-verifications/store.js'
import { LoginsReader } from './logins-store.js'
import resetPages, { type ResetPagesOptions } from './password-resets/page.js'
import passwordResets, { type PasswordResetsOptions } from './password-resets/routes.js'
import { PasswordResetsReader, PasswordResetsWriter } from './password-resets/store.js'
import auth, { type AuthOptions } from './routes.js'
import { SessionsReader, SessionsWriter } from './sessions-store.js'
import { UsersReader, UsersWriter } from './users-store.js'

/** Log in, register, and recover access; the store of users, their sessions and their links. */
export default {
  tenant_readers: {},
  tenant_writers: {},
  platform_readers: {
    users: UsersReader,
    logins: LoginsReader,
    sessions: SessionsReader,
    password_resets: PasswordResetsReader,
    email_verifications: EmailVerificationsReader,
  },
  platform_writers: {
    users: UsersWriter,
    sessions: SessionsWriter,
    password_resets: PasswordResetsWriter,
    email_verifications: EmailVerificationsWriter,
  },
  unaudited_writers: {},
  expiring: [one_time_tokens],
  tags: [
    { name: 'auth', description: 'Log in, refresh, log out' },
    { name: 'pages', description: 'Pages for people. The links in mails lead to them, unless APP_URL is set' },
  ],
  routes(services: AuthOptions & PasswordResetsOptions & ResetPagesOptions & VerificationPageOptions) {
    return [
      mount('/v1/auth', auth, services),
      mount('/v1/auth/password-resets', passwordResets, services),
      mount('/v1/auth/email-verifications', emailVerifications, services),
      mount('/password-resets', resetPages, services),
      mount('/verify', verificationPage, services),
    ]
  },
} satisfies Feature
