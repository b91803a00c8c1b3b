import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Problem, unavailable } from '../problems/problems.js'
import type { Clock } from '../time/clock.js'
import type { BudgetName, Budgets } from './budgets.js'
import { memoryCounters } from './counters.js'

/** Where a budget stands after it was counted. */
export interface Standing {
  /** How many were counted in this window. */
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
  /** Counts one request and says where the budget stands. `counted_by` is something that the gateway verified. */
  count(budget: BudgetName, counted_by: string, size?: Size): Promise<Standing>
  /** Says where the budget stands without counting. */
  look(budget: BudgetName, counted_by: string, size?: Size): Promise<Standing>
  /** The configured size of a budget; a quota of 0 means that there is none. */
  size(budget: BudgetName): Size
}

/** The plugin only counts, from here downwards; what a quota means is decided in this file. */
const COUNT_MAX = Number.MAX_SAFE_INTEGER

/** What the plugin asks its functions about; it never looks at the rest of a request. */
interface Question {
  readonly key: string
  readonly window_seconds: number
  readonly routeOptions: { readonly config: Record<string, never> }
}

/**
 * The limiter: @fastify/rate-limit's counting inside our own steps. As a hook the plugin would run one limiter a
 * request and skip the second in silence, so several budgets at once would be one.
 */
export async function openLimiter(app: FastifyInstance, budgets: Budgets, clock: Clock): Promise<Limiter> {
  await app.register(rateLimit, { global: false, store: memoryCounters(clock) })
  const of = (question: unknown) => question as Question
  const check = app.createRateLimit({
    keyGenerator: (question) => of(question).key,
    max: COUNT_MAX,
    timeWindow: (question) => of(question).window_seconds * 1000,
  })

  const ask = async (budget: BudgetName, counted_by: string, size: Size | undefined, increment: boolean) => {
    const { quota, window_seconds } = size ?? budgets[budget]
    const question: Question = { key: `${budget}:${counted_by}`, window_seconds, routeOptions: { config: {} } }
    const result = await check(question as unknown as FastifyRequest, { increment }).catch((error: unknown) => {
      throw unavailable('the counters are not available', 1, error)
    })
    if (result.isAllowed) throw new Error('nothing is on an allow-list')
    const used = COUNT_MAX - result.remaining
    const standing: Standing = {
      used,
      quota,
      window_seconds,
      remaining: Math.max(0, quota - used),
      reset_seconds: result.ttlInSeconds,
      is_exceeded: used > quota,
    }
    return standing
  }

  return {
    count: (budget, counted_by, size) => ask(budget, counted_by, size, true),
    look: (budget, counted_by, size) => ask(budget, counted_by, size, false),
    size: (budget) => budgets[budget],
  }
}

/** Spends one request of a budget, and says in the answer what is left. Returns the 429 of a budget that is used up. */
export async function consume(
  limiter: Limiter,
  reply: FastifyReply,
  name: BudgetName,
  counted_by: string,
  size?: Size,
): Promise<Problem<'rate_limited'> | undefined> {
  const standing = await limiter.count(name, counted_by, size)
  announce(reply, name, standing)
  return standing.is_exceeded ? rateLimited(name, standing.reset_seconds) : undefined
}

/**
 * The same for a handler.
 * @throws Problem `rate_limited`
 */
export async function spend(...budget: Parameters<typeof consume>): Promise<void> {
  const over = await consume(...budget)
  if (over !== undefined) throw over
}

/**
 * Puts a budget into the answer (draft-ietf-httpapi-ratelimit-headers, sections 3 and 4): its size and what is left.
 * Several budgets of one answer are members of one list.
 */
export function announce(reply: FastifyReply, name: BudgetName, standing: Standing): void {
  const policy = `"${name}";q=${standing.quota};w=${standing.window_seconds}`
  const state = `"${name}";r=${standing.remaining};t=${standing.reset_seconds}`
  reply.header('ratelimit-policy', joined(reply.getHeader('ratelimit-policy'), policy))
  reply.header('ratelimit', joined(reply.getHeader('ratelimit'), state))
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
