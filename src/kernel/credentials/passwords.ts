import { randomBytes } from 'node:crypto'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import argon2 from 'argon2'
import pLimit from 'p-limit'
import { lazy } from '../lazy.js'
import { unavailable } from '../problems/problems.js'
import { invalidField } from '../problems/validation.js'

export const PASSWORD_CHARACTERS_MIN = 15
export const PASSWORD_CHARACTERS_MAX = 128

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. About 17 ms of one core. */
const PARAMETERS = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
/** Two concurrent hashes leave two of the four libuv threads to other work. */
const CONCURRENT_MAX = 2
/** Hashes that wait. At 17 ms each, the last one waits about 150 ms. */
const QUEUE_MAX = 16
/** A password with a lower score can be guessed in about 10^8 attempts, whatever its length. */
const SCORE_MIN = 3

export interface Passwords {
  /**
   * Checks for room in the queue before the work that leads to a hash, so that a flood does not cost that work.
   *
   * @throws Problem `service_unavailable` when too many are waiting
   */
  checkRoom(): void
  /** @throws Problem `service_unavailable` when too many are waiting */
  hash(password: string): Promise<string>
  /** Verifies a password. Without a hash it verifies against a random one, so that both cases take the same time. */
  verify(password: string, hash: string | undefined): Promise<boolean>
}

/** Opens password hashing, with a bound on concurrent and on waiting hashes. */
export async function openPasswords(): Promise<Passwords> {
  const limit = pLimit(CONCURRENT_MAX)
  const unused_hash = await argon2.hash(randomBytes(32), PARAMETERS)
  const checkRoom = () => {
    if (limit.pendingCount >= QUEUE_MAX) throw unavailable('too many password hashes are waiting', 1)
  }
  const queued = <T>(work: () => Promise<T>): Promise<T> => {
    checkRoom()
    return limit(work)
  }
  return {
    checkRoom,
    hash: async (password) => queued(() => argon2.hash(normalised(password), PARAMETERS)),
    verify: async (password, hash) => {
      const is_same = await queued(() => argon2.verify(hash ?? unused_hash, normalised(password)))
      return is_same && hash !== undefined
    },
  }
}

/** Keyboards encode some characters differently. NFC makes them equal (NIST SP 800-63B section 5.1.1.2). */
function normalised(password: string): string {
  return password.normalize('NFC')
}

/** A password is at least as strong as its beginning. An estimate of 64 characters would block the process for 100 ms. */
const ESTIMATED_CHARACTERS_MAX = 40

/**
 * Returns the estimator of passwords. The first call ranks its dictionaries, in about 60 ms. In production, the start makes it
 * in advance, so that no other request waits for the first new password.
 */
export const passwordEstimator = lazy(
  () =>
    new ZxcvbnFactory({
      dictionary: common.dictionary,
      graphs: common.adjacencyGraphs,
      maxLength: ESTIMATED_CHARACTERS_MAX,
    }),
)

/**
 * Checks a new password. It refuses one that is too short, too long, or easy to guess: a leaked password, a keyboard
 * sequence, a repetition, or the name of the user. There are no composition rules.
 *
 * @throws Problem `validation_failed` at `/password`
 */
export function checkNewPassword(password: string, about: readonly string[], pointer = '/password'): void {
  const characters = [...password.normalize('NFC')].length
  if (characters < PASSWORD_CHARACTERS_MIN || characters > PASSWORD_CHARACTERS_MAX) {
    throw invalidField(pointer, `must have ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX} characters`)
  }
  // Each part of a name and of an address is a separate word, because users combine the parts.
  const parts = about.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)])
  if (passwordEstimator().check(password, parts).score < SCORE_MIN) {
    throw invalidField(pointer, 'is common or easy to guess; use a few unrelated words')
  }
}
