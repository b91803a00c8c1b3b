import { CLOSE_CODES } from '../../contract/close-codes.js'
import { Problem } from '../problems/problems.js'
import type { Ending } from './connection.js'
import { CONGESTED_MS_MAX, SILENT_MS_MAX, UNREAD_BYTES_MAX } from './limits.js'

/** Measures how long a client leaves sent bytes unread. */
export class Congestion {
  #much_since_ms: number | undefined
  #any_since_ms: number | undefined

  /** Whether more than 256 KiB are unread for 15 s, or anything at all for 60 s. */
  isTooLong(unread_bytes: number, now_ms: number): boolean {
    this.#any_since_ms = unread_bytes > 0 ? (this.#any_since_ms ?? now_ms) : undefined
    this.#much_since_ms = unread_bytes > UNREAD_BYTES_MAX ? (this.#much_since_ms ?? now_ms) : undefined
    return (
      (this.#much_since_ms !== undefined && now_ms - this.#much_since_ms >= CONGESTED_MS_MAX) ||
      (this.#any_since_ms !== undefined && now_ms - this.#any_since_ms >= SILENT_MS_MAX)
    )
  }
}

/** How a connection ends whose client reads too slowly. */
export function tooSlow(): Ending {
  return { problem: new Problem('connection_slow'), code: CLOSE_CODES.try_again_later }
}
