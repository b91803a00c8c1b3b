import type { Access } from '../../src/kernel/request/access.js'
import type { KnownRoute } from '../helpers/gateway.js'

/** A route of the product, as the guards see it. */
export interface GuardedRoute {
  readonly name: string
  readonly method: string
  readonly url: string
  readonly access: Access
  readonly operation_id: string
  readonly schema: Readonly<Record<string, unknown>>
}

/** Methods that Fastify or the gateway derive from a route. The guards test the route itself. */
const DERIVED_METHODS = ['HEAD', 'OPTIONS']

/**
 * Every registered route without derived methods and without the routes that the contract hides. For those see
 * `hiddenRoutes`.
 */
export function guardedRoutes(routes: readonly KnownRoute[]): GuardedRoute[] {
  return routes
    .filter((route) => !isHidden(route) && route.url !== '*')
    .flatMap((route) => [route.method].flat().map((method) => ({ route, method })))
    .filter(({ method }) => !DERIVED_METHODS.includes(method))
    .map(({ route, method }) => {
      const schema = (route.schema ?? {}) as Record<string, unknown>
      return {
        name: `${method} ${route.url}`,
        method,
        url: route.url,
        access: route.config?.access as Access,
        operation_id: String(schema.operationId),
        schema,
      }
    })
}

/** The paths of pages, whose routes are in no contract. */
const PAGES = /^\/(docs|console)(\/|$)/

const PAGE_METHODS = ['GET', 'HEAD', 'OPTIONS']

/** Hidden routes that are no pages. Each of them may only answer 405. */
export function hiddenRoutes(routes: readonly KnownRoute[]): { method: string; url: string }[] {
  return routes
    .filter(
      (route) =>
        isHidden(route) &&
        !(PAGES.test(route.url) && [route.method].flat().every((method) => PAGE_METHODS.includes(method))),
    )
    .flatMap((route) => [route.method].flat().map((method) => ({ method, url: route.url })))
    .filter(({ method }) => !DERIVED_METHODS.includes(method))
}

function isHidden(route: KnownRoute): boolean {
  return (route.schema as { hide?: boolean } | undefined)?.hide === true
}

/** The names of the parameters in a path. */
export function parametersOf(url: string): string[] {
  return [...url.matchAll(/:([a-z_]+)/g)].map(([, name]) => name as string)
}

/** The path with its parameters filled in. */
export function pathOf(url: string, parameters: Readonly<Record<string, string>>): string {
  return url.replaceAll(/:([a-z_]+)/g, (_match, name: string) => {
    const value = parameters[name]
    if (value === undefined) throw new Error(`${url} has a parameter that nobody fills in: ${name}`)
    return encodeURIComponent(value)
  })
}
