import type { Limiter } from '../../../kernel/limits/limiter.js'
import type { Live } from '../../../kernel/live/live.js'
import type { Observe } from '../../../kernel/request/observe.js'

/** What the routes of a stream work with. */
export interface StreamOptions {
  readonly live: Live
  readonly limiter: Limiter
  readonly public_url: string
  readonly observe: Observe
}
