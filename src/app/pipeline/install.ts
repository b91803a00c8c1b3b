import type { FastifyInstance, FastifyReply, FastifyRequest, HookHandlerDoneFunction, RouteOptions } from 'fastify'
import type { Column } from '../../kernel/authz/access-rules.js'
import { NO_FACTS } from '../../kernel/authz/facts.js'
import type { Problem } from '../../kernel/problems/problems.js'
import { type Access, columnOf } from '../../kernel/request/access.js'
import { requestGetters, required } from '../../kernel/request/findings.js'
import type { Gate, Step } from '../../kernel/request/gate.js'
import type { Row } from './row.js'
import { describeCaller } from './steps/describe-caller.js'

/** What handlers read of a request; the column of its route must have provided it. */
const PROVIDED = ['principal', 'holdings', 'tenant', 'tenant_store', 'platform_store'] as const
/**
 * The largest body of an open route, which takes no credentials: of one with a schema for it, and of one without. Every
 * valid body is smaller, also with escaped characters.
 */
const OPEN_BODY_BYTES_MAX = { expected: 8_192, unexpected: 1_024 }
/** How old the facts of a caller may be when their request is carried out. */
const FACTS_MS_MAX = 250

const EVERY_COLUMN: readonly Column[] = ['open', 'user', 'member', 'tenant', 'ticket', 'operator', 'unrouted']

declare module 'fastify' {
  interface FastifyContextConfig {
    access: Access
    /** For a route that represents many: finds out which of them the request takes. Runs before the column. */
    identify_route?: Step
  }
}

export interface Pipeline {
  /**
   * Adds the hooks that run the rows. The rows of all columns run for each request, also for one that no route matches.
   * The other rows of a column run for each route that is registered after this call.
   *
   * @throws Error at the registration of a route that declares no access, or that cannot work
   */
  install(app: FastifyInstance): void
  /** Registers a plugin that makes routes of its own and cannot declare an access; all of them get this one. */
  admit(access: Access, register: () => PromiseLike<unknown>): Promise<void>
}

/** Makes the pipeline of a table: for every request it runs the rows of the column of its route. */
export function openPipeline(gate: Gate, table: readonly Row[]): Pipeline {
  let admitted: Access | undefined
  return {
    install: (app) => install(app, gate, table, () => admitted),
    async admit(access, register) {
      admitted = access
      await register()
      admitted = undefined
    },
  }
}

function install(app: FastifyInstance, gate: Gate, table: readonly Row[], admittedNow: () => Access | undefined): void {
  const of_every_request = table.filter(isOfEveryColumn)
  const rows_of = new Map(
    EVERY_COLUMN.map((column) => [
      column,
      table.filter((row) => row.columns.includes(column) && !isOfEveryColumn(row)),
    ]),
  )
  app.decorateRequest('findings')
  for (const [name, getter] of Object.entries(requestGetters(PROVIDED))) app.decorateRequest(name, getter)

  app.decorateReply('checkAccess', function (this: FastifyReply) {
    const rows = rows_of.get(columnOf(this.request.routeOptions.config.access)) ?? []
    return decideOnNewFacts(rows, gate, this.request, this)
  })

  // Before CORS, which may query the database.
  app.addHook('onRequest', (request, reply, done) => {
    request.findings = {}
    settle(() => run(of_every_request, gate, request, reply), done)
  })
  app.addHook('onRoute', (route) => {
    const access = route.config?.access ?? admittedNow()
    checkAccess(route, access)
    route.config = { ...route.config, access }
    if (access.kind === 'open') {
      route.bodyLimit ??= OPEN_BODY_BYTES_MAX[route.schema?.body === undefined ? 'unexpected' : 'expected']
    }
    const { identify_route: step } = route.config
    const column = columnOf(access)
    const rows = rows_of.get(column)
    if (rows === undefined)
      throw new Error(`${route.method} ${route.url} declares an access that the table does not have`)
    const all: readonly Row[] = step === undefined ? rows : [{ columns: [column], step, refuses: [] }, ...rows]
    route.onRequest = [
      (request: FastifyRequest, reply: FastifyReply, done: HookHandlerDoneFunction) => {
        const letIn = (error?: Error) => {
          request.findings.let_in_at_ms = performance.now()
          done(error)
        }
        settle(() => run(all, gate, request, reply), letIn)
      },
      ...[route.onRequest ?? []].flat(),
    ]
    const deciding = rows.filter(({ rule }) => rule !== undefined)
    if (deciding.length === 0 || !mayHaveBody(route)) return
    route.preValidation = [
      (request: FastifyRequest, reply: FastifyReply) => decideAgain(deciding, gate, request, reply),
      ...[route.preValidation ?? []].flat(),
    ]
  })
}

function isOfEveryColumn({ columns }: Row): boolean {
  return EVERY_COLUMN.every((column) => columns.includes(column))
}

/**
 * Runs rows in their order. Most requests are decided from memory, and for these a promise for each row would cost more than
 * the rows.
 *
 * @returns a promise only if a row waits for something
 * @throws Problem of the first row that refuses the request
 */
function run(
  rows: readonly Row[],
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  first = 0,
): Promise<void> | undefined {
  for (let position = first; position < rows.length; position += 1) {
    const row = rows[position] as Row
    const found = row.step?.(gate, request, reply)
    if (found instanceof Promise) {
      return found.then(async (problem) => {
        if (problem !== undefined) throw problem
        await apply(row, gate, request, reply)
        await run(rows, gate, request, reply, position + 1)
      })
    }
    if (found !== undefined) throw found
    const refusing = apply(row, gate, request, reply)
    // It only rejects, so no row follows.
    if (refusing !== undefined) return refusing
  }
  return undefined
}

/** Applies the rule of a row. @returns a promise that rejects if the problem must be completed. @throws Problem of the rule */
function apply(row: Row, gate: Gate, request: FastifyRequest, reply: FastifyReply): Promise<never> | undefined {
  const problem = decide(row, gate, request)
  if (problem === undefined) return undefined
  if (row.onRefusal === undefined) throw problem
  return row.onRefusal(gate, request, reply, problem).then((completed) => {
    throw completed
  })
}

/** Does the work of a hook, and tells when it is done, at once if it does not wait. */
function settle(work: () => Promise<void> | undefined, done: (error?: Error) => void): void {
  let pending: Promise<void> | undefined
  try {
    pending = work()
  } catch (error) {
    done(error as Error)
    return
  }
  if (pending === undefined) done()
  else pending.then(() => done(), done)
}

/** Applies the rule of a row to what is known of the request. */
function decide({ rule }: Row, gate: Gate, request: FastifyRequest): Problem | undefined {
  if (rule === undefined) return undefined
  const { findings } = request
  const facts = findings.facts ?? NO_FACTS
  findings.caller ??= describeCaller(gate, request, null, null)
  const problem = rule.check(facts, findings.caller, gate.clock())
  if (problem === undefined) rule.establish?.(findings, facts, findings.caller)
  return problem
}

/**
 * Authorisation ran on the headers. If the body took longer than FACTS_MS_MAX, rights may have been revoked since: a user
 * could begin a request that gives them a right, lose all rights, and then finish it. So the rules decide again on new
 * facts before the handler. Steps do not run again: the request has spent its budgets.
 */
async function decideAgain(
  rows: readonly Row[],
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (performance.now() - required(request.findings.let_in_at_ms) > FACTS_MS_MAX) {
    await decideOnNewFacts(rows, gate, request, reply)
  }
}

/** Applies the rules of a column to a request again, on new facts. @throws Problem of the first rule that refuses it */
async function decideOnNewFacts(
  rows: readonly Row[],
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const { findings } = request
  if (findings.claims !== undefined) findings.facts = await gate.facts.read(findings.claims)
  for (const row of rows) {
    await apply(row, gate, request, reply)
  }
}

function mayHaveBody({ method }: RouteOptions): boolean {
  return [method].flat().some((each) => each !== 'GET' && each !== 'HEAD')
}

/** Refuses to start with a route that would be reachable by mistake. */
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
