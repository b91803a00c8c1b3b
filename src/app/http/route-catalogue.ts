import type { FastifyInstance, RouteOptions } from 'fastify'
import findMyWay from 'find-my-way'
import { findRoute, findSocket } from '../../features/upstreams/forward/find-route.js'
import { targetOf } from '../../features/upstreams/forward/path.js'
import type { DeclaredOperation } from '../../features/upstreams/manifest/manifest.js'
import type { Upstreams } from '../../features/upstreams/pool/upstreams.js'
import type { Demand } from '../../kernel/authz/demand.js'
import { Problem } from '../../kernel/problems/problems.js'
import type { CataloguedRoute, RouteCatalogue } from '../../kernel/request/route-catalogue.js'

/** Collects the routes that are registered after it. It reads the routes of upstreams at each call, because they change. */
export function collectRoutes(app: FastifyInstance, upstreams?: Upstreams): RouteCatalogue {
  const registered: RouteOptions[] = []
  app.addHook('onRoute', (route) => void registered.push(route))
  let built: { routes: CataloguedRoute[]; router: ReturnType<typeof findMyWay> } | undefined
  const catalogue = () => {
    built ??= build(registered)
    return built
  }
  const list = () => [...catalogue().routes, ...(upstreams?.current().operations ?? []).map(asCatalogued)]
  return {
    list,
    find(method, path) {
      const wanted = method === 'HEAD' ? 'GET' : method
      const match = catalogue().router.find(wanted as 'GET', path.split('?')[0] ?? '')
      return match === null ? declaredRoute(upstreams, method, path) : (match.store as CataloguedRoute)
    },
    allowedBy: (scopes) =>
      list()
        .filter(({ access }) => access.kind === 'member' || access.kind === 'tenant')
        .filter(({ access }) => access.scopes.length > 0 && access.scopes.every((scope) => scopes.has(scope)))
        .map(({ method, url }) => `${method} ${url}`),
  }
}

function build(registered: readonly RouteOptions[]) {
  const router = findMyWay({ maxParamLength: 100 })
  const routes: CataloguedRoute[] = []
  for (const { method, url, config, schema } of registered) {
    // Routes that only answer 405 are hidden and have no operation.
    if (url === '*' || (schema as { operationId?: string } | undefined)?.operationId === undefined) continue
    for (const each of [method].flat().filter((name) => name !== 'HEAD')) {
      const route: CataloguedRoute = { method: each, url, access: config?.access as Demand }
      routes.push(route)
      router.on(each as 'GET', url, () => undefined, route)
    }
  }
  return { routes, router }
}

/** A WebSocket handshake is a GET request (RFC 6455 section 4.1). */
function asCatalogued(operation: DeclaredOperation): CataloguedRoute {
  return { method: 'GET', ...operation }
}

/** Finds a declared route by the rules of a request. An ambiguous path matches no route. */
function declaredRoute(upstreams: Upstreams | undefined, method: string, given: string): CataloguedRoute | undefined {
  if (upstreams === undefined) return undefined
  try {
    const target = targetOf(given)
    const generation = upstreams.current()
    const found =
      findRoute(generation, method, target) ?? (method === 'GET' ? findSocket(generation, target) : undefined)
    return found === undefined ? undefined : asCatalogued(found)
  } catch (error) {
    if (error instanceof Problem) return undefined
    throw error
  }
}
