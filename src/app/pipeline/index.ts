import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Access, AccessKind } from '../../kernel/request/access.js'
import { found, requestGetters } from '../../kernel/request/findings.js'
import type { Gate, Step } from '../../kernel/request/gate.js'
import { checkOrigin } from './steps/check-origin.js'
import { checkRequest } from './steps/check-request.js'
import { enforceScopes } from './steps/enforce-scopes.js'
import { identifyTenant } from './steps/identify-tenant.js'
import { identifyUser } from './steps/identify-user.js'
import { limitAddress } from './steps/limit-address.js'
import { limitRoute } from './steps/limit-route.js'
import { limitTenant } from './steps/limit-tenant.js'
import { loadMembership } from './steps/load-membership.js'
import { limitOperator, loadOperator } from './steps/load-operator.js'
import { openPlatformStore, openTenantStore } from './steps/open-stores.js'
import { redeemTicket } from './steps/redeem-ticket.js'

/** A column: the access kinds, and the requests that no route took. */
type Column = AccessKind | 'unrouted'

const O = 'open'
const U = 'user'
const M = 'member'
const T = 'tenant'
const P = 'operator'
const X = 'unrouted'

/** THE TABLE: who passes what, in which order. A request runs down its column; every row may refuse it. */
// biome-ignore format: it is a table
const TABLE: readonly (readonly [Step, ...Column[]])[] = [
  //                  open user member tenant operator unrouted   refuses with
  [checkRequest,      O,   U,   M,     T,     P,       X],     // 400 431
  [limitAddress,      O,   U,   M,     T,     P,       X],     // 429
  [redeemTicket,                       T                ],     // 400 401
  [identifyTenant,                     T                ],     // 401 403
  [checkOrigin,                        T                ],     // 403
  [limitTenant,                        T                ],     // 429
  [limitRoute,                         T                ],     // 429
  [identifyUser,           U,   M,     T,     P         ],     // 401
  [loadMembership,              M,     T                ],     // 403
  [loadOperator,                              P         ],     // 403
  [limitOperator,                             P         ],     // 429
  [openTenantStore,             M,     T                ],
  [openPlatformStore, O,   U,                 P         ],
  [enforceScopes,               M,     T,     P         ],     // 403
]

/** Rows that say who somebody is and what they may; none of them spends anything. */
const STANDING: ReadonlySet<Step> = new Set<Step>([
  identifyTenant,
  checkOrigin,
  identifyUser,
  loadMembership,
  loadOperator,
  enforceScopes,
])
/** What handlers read of a request; the column of its route must have provided it. */
const PROVIDED = ['principal', 'holdings', 'tenant', 'tenant_store', 'platform_store'] as const
/** How old may be what is known of a caller when their request is carried out. */
const STANDING_MS_MAX = 250

const EVERY_COLUMN: readonly Column[] = [O, U, M, T, P, X]

/** Rows that every request passes, whether or not it has a route. They run before CORS, which may ask the database. */
const WALL = TABLE.filter(([, ...columns]) => EVERY_COLUMN.every((column) => columns.includes(column)))

const WALL_STEPS = WALL.map(([step]) => step)

const COLUMNS = Object.fromEntries(
  EVERY_COLUMN.map((column) => [
    column,
    TABLE.filter((row) => !WALL.includes(row) && row.includes(column)).map(([step]) => step),
  ]),
) as unknown as Record<Column, readonly Step[]>

declare module 'fastify' {
  interface FastifyContextConfig {
    access: Access
    /** For a route that stands for many: finds out which of them it is, before anybody is asked who they are. */
    identify_route?: Step
  }
}

export interface Pipeline {
  /** Registers a plugin that makes routes of its own and cannot declare an access; all of them get this one. */
  admit(access: Access, register: () => PromiseLike<unknown>): Promise<void>
}

/**
 * Puts the pipeline in front of every route that is registered after it.
 *
 * @throws Error at registration, so at boot, for a route that declares no access, or one that cannot work.
 */
export function installPipeline(app: FastifyInstance, gate: Gate): Pipeline {
  let admitted: Access | undefined
  app.decorateRequest('findings')
  for (const [name, getter] of Object.entries(requestGetters(PROVIDED))) app.decorateRequest(name, getter)

  app.addHook('onRequest', async (request, reply) => {
    request.findings = {}
    await run(WALL_STEPS, gate, request, reply)
  })
  app.addHook('onRoute', (route) => {
    const access = route.config?.access ?? admitted
    checkAccess(route, access)
    route.config = { ...route.config, access }
    const { identify_route } = route.config
    const column = COLUMNS[access.kind]
    const steps = identify_route === undefined ? column : [identify_route, ...column]
    route.onRequest = [
      async (request: FastifyRequest, reply: FastifyReply) => {
        await run(steps, gate, request, reply)
        request.findings.let_in_at_ms = performance.now()
      },
      ...[route.onRequest ?? []].flat(),
    ]
    const again = column.filter((step) => STANDING.has(step))
    if (again.length === 0 || !mayHaveBody(route)) return
    route.preValidation = [
      (request: FastifyRequest, reply: FastifyReply) => askAgain(again, gate, request, reply),
      ...[route.preValidation ?? []].flat(),
    ]
  })

  return {
    async admit(access, register) {
      admitted = access
      await register()
      admitted = undefined
    },
  }
}

async function run(steps: readonly Step[], gate: Gate, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  for (const step of steps) {
    const pending = step(gate, request, reply)
    if (pending !== undefined) await pending
  }
}

/**
 * Whoever lets in by the headers alone must not let in for as long as a body takes: somebody could begin a request that
 * gives them a right, lose all rights, and finish it then. What took long to arrive is asked about once more.
 */
async function askAgain(
  steps: readonly Step[],
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { findings } = request
  if (performance.now() - found(findings.let_in_at_ms) <= STANDING_MS_MAX) return
  delete findings.facts
  await run(steps, gate, request, reply)
}

function mayHaveBody({ method }: RouteOptions): boolean {
  return [method].flat().some((each) => each !== 'GET' && each !== 'HEAD')
}

/** What would make a route reachable by mistake stops the process instead. */
function checkAccess(route: RouteOptions, access: Access | undefined): asserts access is Access {
  const name = `${route.method} ${route.url}`
  if (access === undefined)
    throw new Error(`${name} declares no access: give it config: open(), user(), member(), tenant() or operator()`)
  if (access.kind === 'member' && !route.url.includes('/:tenant_id')) {
    throw new Error(`${name} is a member route without :tenant_id in its path`)
  }
  if (access.kind === 'operator' && access.scopes.length === 0) {
    throw new Error(`${name} is an operator route without a privilege`)
  }
}
