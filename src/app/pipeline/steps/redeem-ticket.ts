import type { FastifyRequest } from 'fastify'
import type { Credential } from '../../../kernel/authz/caller.js'
import { isTicket } from '../../../kernel/credentials/ticket.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'
import { originOf } from '../../../kernel/request/origin.js'
import { countRefusal } from './count-refusal.js'

/** What a ticket stands for. Beside it they would say a second time, and maybe differently, who calls. */
const HEADERS = ['authorization', 'x-tenant-id', 'x-tenant-api-key'] as const

/**
 * A ticket instead of the headers, on the routes that take one: it is used up here, whatever the later rows say. It only
 * says who calls. Whether they still may is read by the rows below, as if they had sent the headers themselves.
 */
export const redeemTicket: Step<'malformed_request' | 'invalid_ticket'> = async (gate, request) => {
  const { token } = request.query as { token?: unknown }
  if (token === undefined) return undefined
  if (HEADERS.some((name) => request.headers[name] !== undefined)) {
    return new Problem('malformed_request', {
      detail: 'Send a ticket, or the headers that it stands for, but not both.',
    })
  }
  const credential = await redeem(gate, request, token)
  if (credential === undefined) return countRefusal(gate, request, new Problem('invalid_ticket'))
  request.findings.credential = credential
  return undefined
}

async function redeem({ stores }: Gate, request: FastifyRequest, token: unknown) {
  const { id } = request.params as { id: string }
  if (typeof token !== 'string' || !isTicket(token)) return undefined
  const store = stores.platform(() => originOf(request))
  return store.writeUnaudited((writers) => writers.tickets.redeem(token, id)) satisfies Promise<Credential | undefined>
}
