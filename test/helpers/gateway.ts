import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { createGateway, type Parts } from '../../src/app/gateway.js'
import { sharingCompilers } from '../../src/app/http/compilers.js'
import { logOptions } from '../../src/app/logging.js'
import { openUpstreams } from '../../src/features/upstreams/pool/upstreams.js'
import { configure } from '../../src/kernel/config/config.js'
import { readEnvironment } from '../../src/kernel/config/env.js'
import { generateSigningKeys, parseSigningKeys } from '../../src/kernel/config/secrets.js'
import { movableClock } from './clock.js'
import { openTestDatabase, type TestDatabase } from './database.js'

export const PUBLIC_URL = 'http://gateway.test'

/** Budgets so large that no test exceeds them. A test of a budget sets its own value. */
const WIDE = {
  BUDGET_ADDRESS: '1000000/60',
  BUDGET_REFUSED: '1000000/60',
  BUDGET_LOGIN_ADDRESS: '100000/60',
  BUDGET_LOGIN_ACCOUNT: '100000/60',
  BUDGET_TENANT: '1000000/60',
  BUDGET_INVITATIONS: '1000000/60',
  BUDGET_MAILBOX: '1000000/60',
  BUDGET_USER: '1000000/60',
  BUDGET_REFRESH: '1000000/60',
  BUDGET_OPERATOR: '1000000/60',
  BUDGET_MESSAGES_BURST: '1000000/60',
  BUDGET_MESSAGES: '1000000/60',
  BUDGET_TYPING: '1000000/60',
}

export interface GatewayOptions {
  /** Environment variables in addition to the large budgets. */
  readonly env?: Record<string, string>
  readonly more?: Parts['more']
  readonly table?: Parts['table']
  readonly demoNow?: Parts['demoNow']
  readonly signing_keys?: string
  /** Another folder of the built console. */
  readonly console_folder?: string
  /** Shares a database that another gateway of the test opened. */
  readonly on?: TestDatabase
}

export type TestGateway = Awaited<ReturnType<typeof startGateway>>

/** The first gateway of a process compiles the schemas for all later ones. */
const COMPILERS = sharingCompilers()

/** A registered route with its completed schema. */
export type KnownRoute = RouteOptions

/**
 * Starts the whole gateway on an empty database and a free port, with a clock that tests can move.
 *
 * The helper compares the status of every response with the schema of its route. The gateway would send a response with
 * an undeclared status unfiltered, so `close` then throws (see `undeclared`).
 */
export async function startGateway(options: GatewayOptions = {}) {
  const test_database = options.on ?? (await openTestDatabase())
  const environment = readEnvironment({ NODE_ENV: 'test', PUBLIC_URL, LOG_LEVEL: 'trace', ...WIDE, ...options.env })
  const config = configure({ ...environment, DATABASE_URL: undefined })
  const signing_keys = await parseSigningKeys(options.signing_keys ?? generateSigningKeys())
  const clock = movableClock()
  const lines: string[] = []
  const undeclared: string[] = []
  const routes: KnownRoute[] = []
  const draining = { is: false }
  const upstreams = config.upstreams_file === undefined ? undefined : openUpstreams(config.upstreams_file, clock.now)

  const observe = (message: unknown) =>
    observeAnswers((message as { fastify: FastifyInstance }).fastify, routes, undeclared)
  subscribe('fastify.initialization', observe)
  const { app, stores, bus, replica } = await createGateway({
    config,
    secrets: { signing_keys },
    database: test_database.database,
    clock: clock.now,
    logger: { ...logOptions(config.log_level), stream: { write: (line: string) => void lines.push(line) } },
    isDraining: () => draining.is,
    upstreams,
    more: options.more,
    ...(options.table !== undefined && { table: options.table }),
    ...(options.demoNow !== undefined && { demoNow: options.demoNow }),
    ...(options.console_folder !== undefined && { console_folder: options.console_folder }),
    compilers: COMPILERS,
    // A budget of a test is for one gateway.
    countReplicas: () => 1,
  }).finally(() => unsubscribe('fastify.initialization', observe))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })

  return {
    app,
    /** Writes through these stores publish events to the connections of this gateway. */
    stores,
    bus,
    replica,
    url,
    config,
    clock,
    /** The lines of the log, each as JSON. */
    lines,
    /** Responses whose status the route did not declare. `close` throws if there is one. */
    undeclared,
    /** Every registered route. */
    routes,
    draining,
    upstreams,
    signing_keys,
    test_database,
    database: test_database.database,
    sql: test_database.sql,
    async close() {
      await app.close()
      if (options.on === undefined) await test_database.close()
      if (undeclared.length > 0) throw new Error(`undeclared statuses: ${undeclared.join('; ')}`)
    },
  }
}

function observeAnswers(fastify: FastifyInstance, routes: KnownRoute[], undeclared: string[]): void {
  fastify.addHook('onRoute', (route) => void routes.push(route))
  fastify.addHook('onResponse', (request, reply, done) => {
    const { url, schema } = request.routeOptions
    // Unknown paths, and routes that only answer 405, have no response schema.
    if (url !== undefined && url !== '*' && schema?.response !== undefined && !url.startsWith('/docs')) {
      const declared = Object.keys(schema.response as object)
      const is_other_method = reply.statusCode === 405
      if (!declared.includes(String(reply.statusCode)) && !is_other_method) {
        undeclared.push(`${request.method} ${url} answered ${reply.statusCode}`)
      }
    }
    done()
  })
}
