import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { one_time_tokens } from '../../kernel/identity/users-table.js'
import { CredentialsWriter } from './password-store.js'
import recovery, { type RecoveryOptions } from './recovery-routes.js'
import auth, { type AuthOptions } from './routes.js'
import { SessionsReader, SessionsWriter } from './sessions-store.js'
import { UsersReader, UsersWriter } from './users-store.js'

/** Log in, register, and recover access; the store of users, their sessions and their credentials. */
export default {
  tenant_readers: {},
  tenant_writers: {},
  platform_readers: { users: UsersReader, sessions: SessionsReader },
  platform_writers: { users: UsersWriter, sessions: SessionsWriter, credentials: CredentialsWriter },
  unaudited_writers: {},
  expiring: [one_time_tokens],
  routes(services: AuthOptions & RecoveryOptions) {
    return [mount('/v1/auth', auth, services), mount('/v1/auth', recovery, services)]
  },
} satisfies Feature
