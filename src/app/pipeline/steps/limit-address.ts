import { addressBucket } from '../../../kernel/limits/address.js'
import { tryConsume } from '../../../kernel/limits/limiter.js'
import type { Step } from '../../../kernel/request/gate.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Whether no budget counts or refuses requests of this route. Only for routes that load balancers and services need
     * although other clients of the same address are over their budget, and whose responses cost next to nothing.
     */
    is_uncounted?: boolean
  }
}

/** Spends the budget of an IP address. It runs before any step that costs CPU. */
export const limitAddress: Step<'rate_limited'> = ({ limiter }, request, reply) => {
  if (request.routeOptions.config?.is_uncounted === true) return undefined
  return tryConsume(limiter, reply, 'address', addressBucket(request.ip))
}
