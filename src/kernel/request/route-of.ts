import type { FastifyRequest } from 'fastify'
import type { Demand } from '../authz/demand.js'

/** The demand of a request's route: the access line of the route, in the code or in the manifest of an upstream. */
export function demandOf({ findings, routeOptions }: FastifyRequest): Demand {
  return findings.matched?.access ?? routeOptions.config.access
}

/** The template of the route, such as `/v1/customers/:id`. Undefined if no route matched the request. */
export function templateOf(request: FastifyRequest): string | undefined {
  const declared = request.findings?.matched?.url
  if (declared !== undefined) return declared
  // The route of all upstreams matches every path. This request matched no declared route.
  const url = request.routeOptions?.url
  return request.is404 || url === '*' ? undefined : url
}
