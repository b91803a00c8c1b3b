import { tryConsume } from '../../../kernel/limits/limiter.js'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** Spends the budget of the tenant on one route of an upstream. */
export const limitRoute: Step<'rate_limited'> = ({ limiter }, { findings }, reply) => {
  const route = findings.matched
  if (route?.method === undefined) return undefined
  const size = route.budget ?? limiter.size('upstream_route')
  if (size.quota === 0) return undefined
  const key = `${required(findings.tenant).id}:${route.method} ${route.url}`
  return tryConsume(limiter, reply, 'upstream_route', key, size)
}
