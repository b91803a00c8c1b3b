import { randomBytes } from 'node:crypto'
import { ZxcvbnFactory } from '@zxcvbn-ts/core'
import * as common from '@zxcvbn-ts/language-common'
import argon2 from 'argon2'
import pLimit from 'p-limit'
import { unavailable } from '../problems/problems.js'
import { invalidField } from '../problems/validation.js'

export const PASSWORD_CHARACTERS_MIN = 15
export const PASSWORD_CHARACTERS_MAX = 128

/** OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane. About 17 ms of one core. */
const PARAMETERS = { type: argon2.argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const
/** Two at once leave two of libuv's four threads to everything else that needs them. */
const CONCURRENT_MAX = 2
/** Those who wait; at 17 ms each the last of them waits about 150 ms. */
const QUEUE_MAX = 16
/** Below this score a password falls within about 10^8 guesses, however long it is. */
const SCORE_MIN = 3

export interface Passwords {
  /**
   * For what must be asked before the work that leads to a hash: a flood should not cost that either.
   * @throws Problem `service_unavailable` when too many are waiting
   */
  checkRoom(): void
  /** @throws Problem `service_unavailable` when too many are waiting */
  hash(password: string): Promise<string>
  /** Compares with a hash, or with one of nobody when there is none: the same work either way. */
  verify(password: string, hash: string | undefined): Promise<boolean>
}

/** Password hashing with a bound on how much of it is done and waited for at once. */
export async function openPasswords(): Promise<Passwords> {
  const limit = pLimit(CONCURRENT_MAX)
  const hash_of_nobody = await argon2.hash(randomBytes(32), PARAMETERS)
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
      const is_same = await queued(() => argon2.verify(hash ?? hash_of_nobody, normalised(password)))
      return is_same && hash !== undefined
    },
  }
}

/** The same password typed on two keyboards is one password (NIST SP 800-63B section 5.1.1.2). */
function normalised(password: string): string {
  return password.normalize('NFC')
}

/** A password is at least as strong as its head, and the estimate of 128 characters holds the process for 150 ms. */
const ESTIMATED_CHARACTERS_MAX = 64

const estimator = new ZxcvbnFactory({
  dictionary: common.dictionary,
  graphs: common.adjacencyGraphs,
  maxLength: ESTIMATED_CHARACTERS_MAX,
})

/**
 * Refuses a new password that is too short, too long, or common: a leaked one, a keyboard run, a repetition, or the
 * person's own name. There are no rules of composition.
 *
 * @throws Problem `validation_failed` at `/password`
 */
export function checkNewPassword(password: string, about: readonly string[], pointer = '/password'): void {
  const characters = [...password.normalize('NFC')].length
  if (characters < PASSWORD_CHARACTERS_MIN || characters > PASSWORD_CHARACTERS_MAX) {
    throw invalidField(pointer, `must have ${PASSWORD_CHARACTERS_MIN} to ${PASSWORD_CHARACTERS_MAX} characters`)
  }
  // Of a name and an address each part counts, for people join them in every way.
  const parts = about.flatMap((text) => [text, ...text.split(/[^\p{L}\p{N}]+/u)])
  if (estimator.check(password, parts).score < SCORE_MIN) {
    throw invalidField(pointer, 'is common or easy to guess; a few words that do not belong together are better')
  }
}
