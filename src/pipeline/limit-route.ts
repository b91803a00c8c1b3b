import { announce, rateLimited } from '../limits/limiter.js'
import { found } from './findings.js'
import type { Step } from './gate.js'

/** The budget of a tenant on one route of an upstream, where the manifest gives it one. */
export const limitRoute: Step = ({ limiter }, { findings }, reply) => {
  const route = findings.forwarding?.route
  if (route === undefined || !('budget' in route)) return
  const size = route.budget ?? limiter.size('upstream_route')
  if (size.quota === 0) return
  return count(`${found(findings.tenant).id}:${route.method} ${route.url}`)

  async function count(counted_by: string): Promise<void> {
    const standing = await limiter.count('upstream_route', counted_by, size)
    announce(reply, 'upstream_route', standing)
    if (standing.is_exceeded) throw rateLimited('upstream_route', standing.reset_seconds)
  }
}
