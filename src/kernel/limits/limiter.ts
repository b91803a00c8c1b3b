import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem, unavailable } from '../problems/problems.js'
import type { Clock } from '../time/clock.js'
import { BUDGETS, type BudgetDefault, type BudgetName, type Budgets } from './budgets.js'
import { COUNT_ALL, type Sharing, sharedCounters } from './counters.js'

/** The state of a budget in the current window. */
export interface BudgetState {
  /** Requests counted in this window, as far as this replica knows. Beyond the quota it counts no further, unless BUDGETS says so. */
  readonly used: number
  readonly quota: number
  readonly window_seconds: number
  readonly remaining: number
  /** Until the window ends and the whole quota is there again. */
  readonly reset_seconds: number
  readonly is_exceeded: boolean
}

/** A budget other than the configured one: the plan of a tenant, the setting of a key. */
export interface Size {
  readonly quota: number
  readonly window_seconds: number
}

export interface Limiter {
  /**
   * Counts one request. The gateway must have verified `key`, or a client could use up the budget of another one.
   * @returns the state, as a promise only if a part of the budget must first be taken from the other replicas
   */
  count(budget: BudgetName, key: string, size?: Size): BudgetState | Promise<BudgetState>
  /** Reads the state without counting. */
  look(budget: BudgetName, key: string, size?: Size): Promise<BudgetState>
  /** The configured size of a budget; a quota of 0 means that there is none. */
  size(budget: BudgetName): Size
}

/** The budgets that count every request. */
const COUNTS_ALL: ReadonlySet<string> = new Set(
  Object.entries<BudgetDefault>(BUDGETS).flatMap(([name, { counts_all }]) => (counts_all === true ? [name] : [])),
)

/** What the plugin asks its functions about; it never looks at the rest of a request. */
interface Question {
  readonly key: string
  readonly max: number
  readonly window_seconds: number
  readonly routeOptions: { readonly config: Record<string, never> }
}

/**
 * The limiter: @fastify/rate-limit's counting inside our own steps. As a hook the plugin would run one limiter a
 * request and skip the second in silence, so several budgets at once would be one.
 *
 * What this process can count alone does not go through the plugin, which makes a promise, and a copy of its settings, for
 * each of the three or four budgets of a request.
 */
export async function openLimiter(
  app: FastifyInstance,
  budgets: Budgets,
  clock: Clock,
  sharing: Sharing,
): Promise<Limiter> {
  const Store = sharedCounters(clock, sharing)
  const counters = new Store()
  await app.register(rateLimit, { global: false, store: Store })
  const of = (question: unknown) => question as Question
  const check = app.createRateLimit({
    keyGenerator: (question) => of(question).key,
    max: (question) => of(question).max,
    timeWindow: (question) => of(question).window_seconds * 1000,
  })

  const ask = async (budget: BudgetName, key: string, size: Size, increment: boolean) => {
    const { quota, window_seconds } = size
    const max = maxOf(budget, quota)
    const question: Question = { key: `${budget}:${key}`, max, window_seconds, routeOptions: { config: {} } }
    const result = await check(question as unknown as FastifyRequest, { increment }).catch((error: unknown) => {
      throw unavailable('the counters are not available', 1, error)
    })
    if (result.isAllowed) throw new Error('nothing is on an allow-list')
    return stateOf(size, result.isExceeded ? quota + 1 : max - result.remaining, result.ttlInSeconds)
  }

  return {
    count(budget, key, size = budgets[budget]) {
      const { quota, window_seconds } = size
      const max = maxOf(budget, quota)
      const counted = counters.incrNow(`${budget}:${key}`, window_seconds * 1000, max)
      if (counted === undefined) return ask(budget, key, size, true)
      return stateOf(size, counted.current > max ? quota + 1 : counted.current, Math.ceil(counted.ttl / 1000))
    },
    look: (budget, key, size = budgets[budget]) => ask(budget, key, size, false),
    size: (budget) => budgets[budget],
  }
}

/** The `max` of a budget for the counters. */
function maxOf(budget: BudgetName, quota: number): number {
  return COUNTS_ALL.has(budget) ? COUNT_ALL : quota
}

function stateOf({ quota, window_seconds }: Size, used: number, reset_seconds: number): BudgetState {
  const remaining = Math.max(0, quota - used)
  return { used, quota, window_seconds, remaining, reset_seconds, is_exceeded: used > quota }
}

/** Counts one request and sets the rate limit headers. @returns the 429 if the budget is used up */
export function tryConsume(
  limiter: Limiter,
  reply: FastifyReply,
  name: BudgetName,
  key: string,
  size?: Size,
): Problem<'rate_limited'> | undefined | Promise<Problem<'rate_limited'> | undefined> {
  const state = limiter.count(name, key, size)
  return state instanceof Promise ? state.then((later) => consumed(reply, name, later)) : consumed(reply, name, state)
}

function consumed(reply: FastifyReply, name: BudgetName, state: BudgetState): Problem<'rate_limited'> | undefined {
  setRateLimitHeaders(reply, name, state)
  return state.is_exceeded ? rateLimited(name, state.reset_seconds) : undefined
}

/**
 * `tryConsume` for handlers.
 * @throws Problem `rate_limited`
 */
export async function consume(...budget: Parameters<typeof tryConsume>): Promise<void> {
  const over = await tryConsume(...budget)
  if (over !== undefined) throw over
}

/**
 * Adds the size and the rest of a budget to the response headers (draft-ietf-httpapi-ratelimit-headers, sections 3 and
 * 4). Several budgets of one response are members of one list.
 */
export function setRateLimitHeaders(reply: FastifyReply, name: BudgetName, state: BudgetState): void {
  const policy = `"${name}";q=${state.quota};w=${state.window_seconds}`
  const left = `"${name}";r=${state.remaining};t=${state.reset_seconds}`
  reply.header('ratelimit-policy', joined(reply.getHeader('ratelimit-policy'), policy))
  reply.header('ratelimit', joined(reply.getHeader('ratelimit'), left))
}

function joined(before: unknown, member: string): string {
  return before === undefined ? member : `${before}, ${member}`
}

/** The 429 of a budget. */
export function rateLimited(name: BudgetName, retry_after_seconds: number): Problem<'rate_limited'> {
  return new Problem('rate_limited', {
    members: { violated_policies: [name] },
    headers: { 'retry-after': String(Math.max(1, retry_after_seconds)) },
  })
}
