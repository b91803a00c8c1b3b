import type { RouteOptions } from 'fastify'

/** Whether a route creates an object: a POST that can answer 201. Such a route takes an `Idempotency-Key`. */
export function isCreating({ method, schema }: Pick<RouteOptions, 'method' | 'schema'>): boolean {
  return method === 'POST' && Object.hasOwn((schema?.response ?? {}) as object, '201')
}
