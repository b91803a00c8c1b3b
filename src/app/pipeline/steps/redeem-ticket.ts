import type { FastifyRequest } from 'fastify'
import type { Credential } from '../../../kernel/authz/caller.js'
import { isTicket } from '../../../kernel/credentials/ticket.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'
import { originOf } from '../../../kernel/request/origin.js'
import { countRefusal } from './count-refusal.js'

/** The headers that a ticket replaces. A request with both could name two different callers. */
const HEADERS = ['authorization', 'x-tenant-id', 'x-tenant-api-key'] as const

/**
 * Redeems a ticket, on routes that take one in place of the headers. The ticket is used up even if a later row refuses the
 * request. It only says who calls. The later rows decide whether they may, as if the caller had sent the headers.
 */
export const redeemTicket: Step<'malformed_request' | 'invalid_ticket' | 'rate_limited'> = async (
  gate,
  request,
  reply,
) => {
  const { token } = request.query as { token?: unknown }
  if (token === undefined) return undefined
  if (HEADERS.some((name) => request.headers[name] !== undefined)) {
    return new Problem('malformed_request', {
      detail: 'Send a ticket, or the headers that it stands for, but not both.',
    })
  }
  const credential = await redeem(gate, request, token)
  if (credential === undefined) return countRefusal(gate, request, reply, new Problem('invalid_ticket'))
  request.findings.credential = credential
  return undefined
}

async function redeem({ stores }: Gate, request: FastifyRequest, token: unknown) {
  const { id } = request.params as { id: string }
  if (typeof token !== 'string' || !isTicket(token)) return undefined
  const store = stores.platform(() => originOf(request))
  return store.writeUnaudited((writers) => writers.tickets.redeem(token, id)) satisfies Promise<Credential | undefined>
}
