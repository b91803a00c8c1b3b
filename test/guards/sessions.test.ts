import { t } from '../helpers/t.js'
import { type Source, sourcesOf } from './names-used.js'

const product = sourcesOf(['src'])

/** The files whose text matches a pattern. */
function filesWith(pattern: RegExp, among: readonly Source[]): string[] {
  return among
    .filter(({ text }) => pattern.test(text))
    .map(({ file }) => file)
    .sort()
}

// A session that starts or ends without the lock of its user is one that a password change or a lockdown can miss.
t.test('sessions start in one file, after the check of the login, and end in one file', async (t) => {
  t.same(filesWith(/\binsert\(sessions\)/, product), ['src/features/auth/sessions-store.ts'])
  t.same(filesWith(/\bupdate\(sessions\)/, product), ['src/kernel/identity/revoke-sessions.ts'])
  const [starts] = product.filter(({ file }) => file === 'src/features/auth/sessions-store.ts')
  t.match(
    starts?.text,
    /async start\(input: StartSessionInput\).*\{\n\s*await lockVerifiedUser\(/,
    'the check comes first',
  )
})

t.test('each file that sets a password or disables a user ends all sessions of the user', async (t) => {
  const setting = filesWith(/update\(users\)\s*\.set\(\{ (password_hash|disabled_at: this)/, product)
  t.ok(setting.length >= 3, setting.join())
  const ending = filesWith(/\brevokeSessionsOf\(/, product)
  t.same(
    setting.filter((file) => !ending.includes(file)),
    [],
  )
})
