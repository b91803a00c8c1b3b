import type { FastifyRequest } from 'fastify'
import { assertValid, escapePointer } from '../problems/validation.js'

/**
 * Refuses a body that the route does not take. Without a schema of the body, the handler would drop it, and a client that
 * sends a field such as `reason` would believe that the gateway keeps it. An empty object says nothing, and some clients
 * always send one. `*` is the path of an upstream, whose body is forwarded.
 *
 * @throws Problem `validation_failed`
 */
export function checkUndeclaredBody({ body, params, routeOptions }: FastifyRequest): void {
  if (body === undefined || body === null) return
  if (routeOptions.schema?.body !== undefined || '*' in (params as object)) return
  const fields = typeof body === 'object' && !Array.isArray(body) ? Object.keys(body) : undefined
  const pointers = fields === undefined ? [''] : fields.map((field) => `/${escapePointer(field)}`)
  assertValid(pointers.map((pointer) => ({ pointer, message: 'is not part of this request, which takes no body' })))
}
