import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Limiter, spend } from '../../../kernel/limits/limiter.js'

/**
 * Spends the budgets of the author of a message: a user, or the customer or key whose message it is. A key that passes on
 * the words of many customers has one of each.
 *
 * @throws Problem `rate_limited`
 */
export async function spendMessage(
  limiter: Limiter,
  request: FastifyRequest,
  reply: FastifyReply,
  customer_id: string | undefined,
): Promise<void> {
  const { principal, tenant } = request
  const author = customer_id === undefined ? `${principal.kind}:${principal.id}` : `customer:${customer_id}`
  const counted_by = principal.kind === 'user' ? principal.id : `${tenant.id}:${author}`
  for (const name of ['messages_burst', 'messages'] as const) {
    await spend(limiter, reply, name, counted_by)
  }
}
