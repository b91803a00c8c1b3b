import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { assertValid } from '../problems/validation.js'
import { isStorable } from './json-body.js'

/** Checks that the path of a URL can be decoded: valid percent-encoding (RFC 3986 section 2.1) of valid UTF-8. */
export function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true
  try {
    decodeURI(url.split(/[?#]/, 1)[0] as string)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the URL for the router. The router itself would answer a URL that cannot be decoded, without the pipeline and its
 * budgets. Such a URL is routed to `/` instead, and the first step refuses it by its original URL.
 */
export function routable({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  return isDecodable(url) ? url : '/'
}

/**
 * Refuses query parameters that the database could not take; a schema would have to say it of each.
 * @throws Problem `validation_failed`
 */
export async function checkQuery(request: FastifyRequest): Promise<void> {
  const errors = Object.entries(request.query as Record<string, unknown>)
    .filter(([, value]) => typeof value === 'string' && !isStorable(value))
    .map(([name]) => ({ pointer: `/${name}`, message: 'must not hold NUL' }))
  assertValid(errors)
}
