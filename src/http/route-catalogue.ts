import type { FastifyInstance, RouteOptions } from 'fastify'
import findMyWay from 'find-my-way'
import type { Access } from '../pipeline/access.js'

/** A route as callers know it. */
export interface CataloguedRoute {
  readonly method: string
  /** The template, such as `/v1/customers/:id`. */
  readonly url: string
  readonly access: Access
}

/** Every route of the gateway, for whoever explains access. */
export interface RouteCatalogue {
  /** All routes that demand something, HEAD twins left out. */
  list(): readonly CataloguedRoute[]
  /** The route that a request would take; undefined when none would. */
  find(method: string, path: string): CataloguedRoute | undefined
  /** Routes that somebody with these scopes may take, as far as scopes decide. */
  allowedBy(scopes: ReadonlySet<string>): string[]
}

/** Collects the routes that are registered after it. */
export function collectRoutes(app: FastifyInstance): RouteCatalogue {
  const registered: RouteOptions[] = []
  app.addHook('onRoute', (route) => void registered.push(route))
  let built: { routes: CataloguedRoute[]; router: ReturnType<typeof findMyWay> } | undefined
  const catalogue = () => {
    built ??= build(registered)
    return built
  }
  return {
    list: () => catalogue().routes,
    find(method, path) {
      const wanted = method === 'HEAD' ? 'GET' : method
      const match = catalogue().router.find(wanted as 'GET', path.split('?')[0] ?? '')
      return match === null ? undefined : (match.store as CataloguedRoute)
    },
    allowedBy: (scopes) =>
      catalogue()
        .routes.filter(({ access }) => access.kind === 'member' || access.kind === 'tenant')
        .filter(({ access }) => access.scopes.length > 0 && access.scopes.every((scope) => scopes.has(scope)))
        .map(({ method, url }) => `${method} ${url}`),
  }
}

function build(registered: readonly RouteOptions[]) {
  const router = findMyWay({ maxParamLength: 100 })
  const routes: CataloguedRoute[] = []
  for (const { method, url, config, schema } of registered) {
    // Routes that only say 405 are no routes to whoever calls; they are hidden and have no operation.
    if (url === '*' || (schema as { operationId?: string } | undefined)?.operationId === undefined) continue
    for (const each of [method].flat().filter((name) => name !== 'HEAD')) {
      const route: CataloguedRoute = { method: each, url, access: config?.access as Access }
      routes.push(route)
      router.on(each as 'GET', url, () => undefined, route)
    }
  }
  return { routes, router }
}
