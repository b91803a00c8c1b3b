import { addressBucket } from '../../../kernel/limits/address.js'
import { rateLimited, setRateLimitHeaders, tryConsume } from '../../../kernel/limits/limiter.js'
import type { Step } from '../../../kernel/request/gate.js'

/** Spends the budget of an IP address, and checks its budget of refused credentials. It runs before any step that costs CPU. */
export const limitAddress: Step<'rate_limited'> = async ({ limiter }, request, reply) => {
  const bucket = addressBucket(request.ip)
  const over = await tryConsume(limiter, reply, 'address', bucket)
  if (over !== undefined) return over
  const refused = await limiter.look('refused', bucket)
  if (refused.remaining > 0) return undefined
  setRateLimitHeaders(reply, 'refused', refused)
  return rateLimited('refused', refused.reset_seconds)
}
