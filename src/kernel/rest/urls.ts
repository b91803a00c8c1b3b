import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { Problem } from '../problems/problems.js'
import { assertValid } from '../problems/validation.js'
import { isStorable, UNSTORABLE } from './json-body.js'

/** Checks that the path of a URL can be decoded: valid percent-encoding (RFC 3986 section 2.1) of valid UTF-8. */
export function isDecodable(url: string): boolean {
  return !url.includes('%') || decodes(url.split(/[?#]/, 1)[0] as string, decodeURI)
}

function decodes(text: string, decode: (text: string) => string): boolean {
  try {
    decode(text)
    return true
  } catch {
    return false
  }
}

/**
 * Returns the URL for the router. The router itself would answer a URL that cannot be decoded, without the pipeline and its
 * budgets. Such a URL is routed to `/` instead, and the first step refuses it by its original URL. `*` names the server and no
 * path (RFC 9112 section 3.2.4), and the router would take it for `/`.
 */
export function routable({ url = '/' }: Pick<IncomingMessage, 'url'>): string {
  if (url === '*') return NO_PATH
  return isDecodable(url) ? url : '/'
}

/** No route has an empty segment. */
const NO_PATH = '//'

/**
 * Refuses text in the path and in the query that PostgreSQL cannot store: a schema would have to exclude it for each
 * parameter. No object has an id with such text, so a path with it gets the answer of an unknown id. `*` is the path of an
 * upstream, which the gateway forwards and does not store.
 *
 * It also refuses a query that cannot be decoded: the parser would take the percent signs for text, so that a search for
 * them finds nothing. The query of an upstream is forwarded as it is.
 *
 * @throws Problem `not_found`, `validation_failed`
 */
export function checkParameters(request: FastifyRequest): void {
  const { '*': forwarded, ...parameters } = request.params as Record<string, string>
  if (!Object.values(parameters).every(isStorable)) throw new Problem('not_found')
  const errors = Object.entries(request.query as Record<string, unknown>)
    .filter(([, value]) => typeof value === 'string' && !isStorable(value))
    .map(([name]) => ({ pointer: `/${name}`, message: UNSTORABLE }))
  assertValid(forwarded === undefined ? [...errors, ...undecodable(request.url)] : errors)
}

const UNDECODABLE = 'must be percent-encoded UTF-8'

function undecodable(url: string): { readonly pointer: string; readonly message: string }[] {
  const query = url.slice(url.indexOf('?') + 1)
  if (query === url || !query.includes('%')) return []
  const names = query
    .split('&')
    .filter((pair) => !decodes(pair, decodeURIComponent))
    .map((pair) => pair.split('=', 1)[0] as string)
  return names.map((name) => ({ pointer: decodes(name, decodeURIComponent) ? `/${name}` : '', message: UNDECODABLE }))
}
