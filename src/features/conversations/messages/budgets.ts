import type { FastifyReply, FastifyRequest } from 'fastify'
import { type TenantPrincipal, tenantPrincipal } from '../../../kernel/authz/principal.js'
import { consume, type Limiter } from '../../../kernel/limits/limiter.js'
import { unreachable } from '../../../kernel/unreachable.js'

/**
 * Consumes the budgets of the author of a message: a user, a customer or a key. A key that sends the messages of many
 * customers consumes the budget of each customer.
 *
 * @throws Problem `rate_limited`
 */
export async function consumeMessage(
  limiter: Limiter,
  request: FastifyRequest,
  reply: FastifyReply,
  customer_id: string | undefined,
): Promise<void> {
  const key = keyOf(tenantPrincipal(request.principal), request.tenant.id, customer_id)
  for (const name of ['messages_burst', 'messages'] as const) {
    await consume(limiter, reply, name, key)
  }
}

function keyOf({ kind, id }: TenantPrincipal, tenant_id: string, customer_id: string | undefined): string {
  switch (kind) {
    case 'user':
      return id
    case 'key':
      return customer_id === undefined ? `${tenant_id}:key:${id}` : `${tenant_id}:customer:${customer_id}`
    default:
      return unreachable(kind)
  }
}
