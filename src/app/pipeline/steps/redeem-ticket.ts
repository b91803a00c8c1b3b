import type { FastifyRequest } from 'fastify'
import type { Credential } from '../../../kernel/authz/standing.js'
import { isTicket } from '../../../kernel/credentials/ticket.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'
import { originOf } from '../../../kernel/request/origin.js'
import { refuseCredentials } from './limit-address.js'

/** What a ticket stands for. Beside it they would say a second time, and maybe differently, who calls. */
const HEADERS = ['authorization', 'x-tenant-id', 'x-tenant-api-key'] as const

/**
 * A ticket instead of the headers, on the routes that take one: it is used up here, whatever the later rows say. It only
 * says who calls. Whether they still may is read by the rows below, as if they had sent the headers themselves.
 */
export const redeemTicket: Step = async (gate, request) => {
  const { access } = request.routeOptions.config
  if (access.kind !== 'tenant' || access.takes_ticket !== true) return
  const { token } = request.query as { token?: unknown }
  if (token === undefined) return
  if (HEADERS.some((name) => request.headers[name] !== undefined)) {
    throw new Problem('malformed_request', {
      detail: 'Send a ticket, or the headers that it stands for, but not both.',
    })
  }
  const credential = await redeem(gate, request, token)
  if (credential === undefined) return refuseCredentials(gate, request, 'invalid_ticket')
  const { session_id, user_id, token_expires_at_ms: expires_at_ms } = credential
  request.findings.bearer = expires_at_ms > gate.clock() ? { session_id, user_id, expires_at_ms } : 'expired'
  request.findings.credential = credential
}

async function redeem({ stores }: Gate, request: FastifyRequest, token: unknown) {
  const { id } = request.params as { id: string }
  if (typeof token !== 'string' || !isTicket(token)) return undefined
  const store = stores.platform(() => originOf(request))
  return store.writeUnaudited((writers) => writers.tickets.redeem(token, id)) satisfies Promise<Credential | undefined>
}
