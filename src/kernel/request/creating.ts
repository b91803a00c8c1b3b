import type { RouteOptions } from 'fastify'

/** Whether a route creates something, so that it takes an Idempotency-Key: a POST that can answer 201. */
export function isCreating({ method, schema }: Pick<RouteOptions, 'method' | 'schema'>): boolean {
  return method === 'POST' && Object.hasOwn((schema?.response ?? {}) as object, '201')
}
