import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { normaliseEmail } from '../../kernel/credentials/email.js'
import type { Passwords } from '../../kernel/credentials/passwords.js'
import { addressBucket, networkBucket } from '../../kernel/limits/address.js'
import { consume, type Limiter, rateLimited, setRateLimitHeaders } from '../../kernel/limits/limiter.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { LoginRecord } from './logins-store.js'

/** The longest delay. The delay doubles with each failure beyond the budget. */
const PAUSE_SECONDS_MAX = 900

export interface LoginParts {
  readonly limiter: Limiter
  readonly passwords: Passwords
}

/**
 * Checks the credentials of a login. An unknown email, a wrong password and a disabled user get the same response after the
 * same work.
 *
 * @throws Problem `rate_limited`, `invalid_credentials`, `service_unavailable`
 */
export async function identifyByPassword(
  parts: LoginParts,
  request: FastifyRequest,
  reply: FastifyReply,
  credentials: { email: string; password: string },
): Promise<LoginRecord> {
  await limitLogins(parts.limiter, request, reply)
  parts.passwords.checkRoom()
  const email = normaliseEmail(credentials.email)
  const user = await request.platform_store.read((store) => store.logins.find(email, request.ip))
  const address = addressBucket(request.ip)
  const unlocked_at = user?.unlocked_at ?? null
  const key = emailBucket(email, user?.is_known_address === true ? address : null, unlocked_at)
  const place = emailBucket(email, `from ${networkBucket(request.ip)}`, unlocked_at)
  if (!(await isNewPlace(parts.limiter, place, key))) await checkPause(parts.limiter, reply, key)
  const is_right = await parts.passwords.verify(credentials.password, user?.password_hash)
  if (user !== undefined && is_right && user.disabled_at === null) return user
  await countFailure(parts.limiter, key, place)
  throw new Problem('invalid_credentials')
}

/**
 * Checks the password of a signed-in user again, before a change that a person at an unlocked screen must not make. It has
 * the budgets of a login, so that a stolen session cannot guess the password.
 *
 * @throws Problem `rate_limited`, `invalid_credentials`, `service_unavailable`
 */
export async function identifyAgain(
  parts: LoginParts,
  request: FastifyRequest,
  reply: FastifyReply,
  user_id: string,
  password: string,
): Promise<LoginRecord> {
  const { email } = await request.platform_store.read((store) => store.users.get(user_id))
  return identifyByPassword(parts, request, reply, { email, password })
}

/** Consumes the budget of an address for password hashes. */
export async function limitLogins(limiter: Limiter, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  await consume(limiter, reply, 'login_address', addressBucket(request.ip))
}

/**
 * Returns the key for counting failures: the email, whether or not a user has it. An address from which the user has
 * logged in before has its own key, so that an attacker who fails on purpose from elsewhere cannot lock the user out.
 * Unlocking the user changes the key, so that every replica counts from zero at the next login.
 */
function emailBucket(email: string, known_address: string | null, unlocked_at: string | null): string {
  return hash('sha256', JSON.stringify([email, known_address, unlocked_at]))
}

/**
 * Checks that no login of this user has failed from this network. Such a network may try once during a delay, so that a user
 * on a new network can log in with the right password. Each guess then costs an attacker another network, and these guesses
 * have a budget too.
 */
async function isNewPlace(limiter: Limiter, place: string, key: string): Promise<boolean> {
  if ((await limiter.look('login_account', place)).used > 0) return false
  return (await limiter.look('login_new_place', key)).remaining > 0
}

async function checkPause(limiter: Limiter, reply: FastifyReply, key: string): Promise<void> {
  const pause = await limiter.look('login_account', `pause:${key}`)
  if (pause.used === 0) return
  setRateLimitHeaders(reply, 'login_account', { ...pause, remaining: 0 })
  throw rateLimited('login_account', pause.reset_seconds)
}

/** Starts a delay for each failure beyond the budget, twice as long as the one before. A delay always ends by itself. */
async function countFailure(limiter: Limiter, key: string, place: string): Promise<void> {
  await limiter.count('login_account', place)
  await countNewPlace(limiter, key)
  const { used, quota } = await limiter.count('login_account', key)
  if (used < quota) return
  const window_seconds = Math.min(2 ** (used - quota), PAUSE_SECONDS_MAX)
  await limiter.count('login_account', `pause:${key}`, { quota: 0, window_seconds })
}

/** Counts a failure during a delay, from a network that was allowed to try once. */
async function countNewPlace(limiter: Limiter, key: string): Promise<void> {
  const pause = await limiter.look('login_account', `pause:${key}`)
  if (pause.used > 0) await limiter.count('login_new_place', key)
}
