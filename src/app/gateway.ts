import type { FastifyInstance } from 'fastify'
import { accessRules } from '../kernel/authz/access-rules.js'
import { derivedKeys } from '../kernel/credentials/derived-keys.js'
import { mount } from '../kernel/feature/mount.js'
import { BUILT_IN_SCOPES, type ScopesNow } from '../kernel/permissions/scope-catalogue.js'
import type { Replica } from '../kernel/replicas/replica.js'
import { installCursors } from '../kernel/rest/cursors.js'
import type { Bus } from '../kernel/store/bus.js'
import { FEATURES, inContractOrder } from './composition/features.js'
import type { Stores } from './composition/stores.js'
import { consoleFolder, readConsoleFiles } from './console/console-files.js'
import { serveConsole } from './console/console-page.js'
import { collectMethods, refuseOtherMethods } from './http/methods.js'
import { installLifecycle, LIFECYCLE } from './lifecycle.js'
import { completeSchemas, installOpenApi } from './openapi/openapi.js'
import { describeRoutes, type OpenApi } from './openapi/openapi-document.js'
import service from './openapi/service-routes.js'
import pages from './pages/routes.js'
import type { Parts } from './parts.js'
import { TABLE } from './pipeline/index.js'
import { openPipeline } from './pipeline/install.js'
import { createServer } from './server.js'
import { openServices, type Services } from './services.js'

export type { Parts } from './parts.js'

/** A gateway that can listen, and what code next to it may use. */
export interface Gateway {
  readonly app: FastifyInstance
  /** The stores of the process. Every write through them reaches the connections of this gateway. */
  readonly stores: Stores
  readonly bus: Bus
  /** This process as one of the replicas of its database. */
  readonly replica: Replica
}

/**
 * Builds the gateway: the server, its services, the lifecycle of a request, the contract, and the routes.
 * @throws Error if a route declares no access, or cannot work
 */
export async function createGateway(parts: Parts): Promise<Gateway> {
  const { upstreams } = parts
  const scopesNow = () => upstreams?.current().scopes ?? BUILT_IN_SCOPES
  const app = createServer(parts, scopesNow)
  try {
    const { stores, bus, replica, contract } = await assemble(app, parts, scopesNow)
    await app.ready()
    // To describe the routes holds the event loop for about 150 ms. In production that is before the first request.
    if (parts.config.production) contract.json()
    return { app, stores, bus, replica }
  } catch (error) {
    // Its services would go on: they have connections and timers.
    await app.close()
    throw error
  }
}

/** Gives the server its services, the lifecycle of a request, the contract, and the routes. */
async function assemble(
  app: FastifyInstance,
  parts: Parts,
  scopesNow: ScopesNow,
): Promise<Services & { readonly contract: OpenApi }> {
  const { config, secrets, upstreams } = parts
  const table = parts.table?.(TABLE) ?? TABLE
  const rules = accessRules(table, scopesNow)
  installCursors(app, derivedKeys(secrets.signing_keys, 'gatehouse cursors'))
  const services = await openServices(app, parts, rules, scopesNow)
  const pipeline = openPipeline(services, table)
  const methods_of = collectMethods(app)
  await installLifecycle(app, LIFECYCLE, { ...services, config, pipeline })

  completeSchemas(app, rules)
  const contract = describeRoutes(app, rules, () => upstreams?.current(), config.public_url)
  await installOpenApi(app, pipeline)

  const mounts = Object.values(FEATURES).flatMap((feature) => feature.routes(services))
  const public_jwks = secrets.signing_keys.map((key) => key.public_jwk)
  const own = mount('', service, { public_jwks, contract })
  const own_pages = mount('', pages, { contract, public_url: config.public_url, demoNow: parts.demoNow })
  for (const each of inContractOrder([...mounts, own, own_pages])) each.register(app)
  app.register(async (scope) => serveConsole(scope, readConsoleFiles(parts.console_folder ?? consoleFolder())))
  if (parts.more !== undefined) app.register(parts.more)
  app.register(async (scope) => refuseOtherMethods(scope, methods_of))
  return { ...services, contract }
}
