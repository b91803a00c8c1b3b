import type { FastifyReply, FastifyRequest } from 'fastify'
import { Problem } from '../problems/problems.js'
import { preferredType } from '../rest/accept.js'
import { PAGE_POLICY } from './layout.js'
import { addVary, type Representation, representation, sendRepresentation } from './representation.js'

/** A browser keeps a page and asks each time whether it is current. */
export const REVALIDATED = 'no-cache'

const TYPES = { html: 'text/html', json: 'application/json' } as const

/** What a route answers: a page for a person, and the same as JSON for a program. */
export interface PageAndJson {
  readonly html: Representation
  readonly json: Representation
}

/** Makes the two representations of a route that depend on nothing in the request. */
export function pageAndJson(page: string, json: unknown): PageAndJson {
  return {
    html: representation('text/html; charset=utf-8', Buffer.from(page)),
    json: representation('application/json; charset=utf-8', Buffer.from(JSON.stringify(json))),
  }
}

/**
 * Sends the representation that the client prefers (RFC 9110 section 12.5.1).
 *
 * @param first what a client gets that takes both alike, such as curl
 * @param policy the Content-Security-Policy of the page
 * @throws Problem `not_acceptable` if the client takes neither
 */
export async function sendPageOrJson(
  forms: PageAndJson,
  request: FastifyRequest,
  reply: FastifyReply,
  { first = 'json', policy = PAGE_POLICY }: { first?: 'json' | 'html'; policy?: string } = {},
): Promise<FastifyReply> {
  addVary(reply, 'Accept')
  const order = first === 'json' ? [TYPES.json, TYPES.html] : [TYPES.html, TYPES.json]
  const type = preferredType(request.headers.accept, order)
  if (type === undefined) throw new Problem('not_acceptable', { detail: `Send Accept: ${order.join(' or ')}.` })
  reply.header('cache-control', REVALIDATED)
  if (type === TYPES.json) return sendRepresentation(forms.json, request, reply)
  reply.header('content-security-policy', policy)
  return sendRepresentation(forms.html, request, reply)
}
