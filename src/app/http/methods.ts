import type { FastifyInstance } from 'fastify'
import { Problem } from '../../kernel/problems/problems.js'
import { open } from '../../kernel/request/access.js'
import { NoContent } from '../../kernel/rest/schemas.js'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const

/** Collects the methods of each path as routes are registered. */
export function collectMethods(app: FastifyInstance): ReadonlyMap<string, Set<string>> {
  const methods_of = new Map<string, Set<string>>()
  app.addHook('onRoute', (route) => {
    const methods = methods_of.get(route.url) ?? new Set()
    for (const method of [route.method].flat()) methods.add(method)
    methods_of.set(route.url, methods)
  })
  return methods_of
}

/**
 * Answers every other method of a known path with 405 and `Allow` (RFC 9110 section 15.5.6). It is registered after all
 * other routes.
 */
export function refuseOtherMethods(app: FastifyInstance, methods_of: ReadonlyMap<string, Set<string>>): void {
  for (const [url, methods] of [...methods_of]) {
    const others = METHODS.filter((method) => !methods.has(method))
    if (url === '*' || url.startsWith('/docs') || others.length === 0) continue
    const allow = [...methods].sort().join(', ')
    app.route({
      method: others,
      url,
      config: open(),
      // 204: CORS answers a preflight of a listed origin on any route.
      schema: { hide: true, response: { 204: NoContent } },
      exposeHeadRoute: false,
      // In onRequest, because the body of a refused request is not read.
      onRequest: () => {
        throw new Problem('method_not_allowed', { headers: { allow } })
      },
      handler: () => undefined,
    })
  }
}

/** Answers a request without a route before its body is read. */
export function refuseUnrouted(app: FastifyInstance): void {
  app.addHook('onRequest', async (request) => {
    if (request.is404) throw new Problem('not_found')
  })
}
