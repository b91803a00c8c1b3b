import type { FastifyRequest } from 'fastify'
import type { Demand } from '../authz/demand.js'

/** What the route of a request demands: its access line, in the code or in the manifest of an upstream. */
export function demandOf({ findings, routeOptions }: FastifyRequest): Demand {
  return findings.matched?.access ?? routeOptions.config.access
}

/** The template of the route, such as `/v1/customers/:id`; undefined when no route took the request. */
export function templateOf(request: FastifyRequest): string | undefined {
  const declared = request.findings?.matched?.url
  if (declared !== undefined) return declared
  // What upstreams might have taken, and did not.
  const url = request.routeOptions?.url
  return request.is404 || url === '*' ? undefined : url
}
