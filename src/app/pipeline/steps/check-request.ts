import type { FastifyRequest } from 'fastify'
import { Problem } from '../../../kernel/problems/problems.js'
import { hasBody } from '../../../kernel/request/body.js'
import type { Step } from '../../../kernel/request/gate.js'
import { isDecodable } from '../../../kernel/rest/urls.js'
import { speaksWebSocket } from '../../../kernel/sockets/web-sockets.js'

const HEADER_LINES_MAX = 100
/** Longer than any identifier of the gateway. */
const PATH_PARAMETER_CHARACTERS_MAX = 100
/** Headers that identify the caller. If one is sent twice, two parts of a system could see two different callers. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set(['authorization', 'host', 'x-tenant-id', 'x-tenant-api-key'])
/**
 * A tenant key or a refresh token by its prefix, a JWT by its first characters, or a parameter for a credential by its name.
 * A prefix counts only at the beginning of a run of characters of base64url, or after an encoded character, because a cursor or the token of a link can
 * contain it by chance. The JWT begins anywhere in a run. The pattern reads each run once: a pattern that began at each `eyJ`
 * would take seconds for a URL that repeats it.
 */
export const CREDENTIAL_IN_URL =
  /(?:(?<![\w-])|(?<=%[0-9a-f]{2}))gh[kr]_[\w-]{8}|(?<![\w-])(?=[\w-]*eyJ[\w-]{8})[\w-]+\.|[?&](access_token|refresh_token|api_?key|x-tenant-api-key|password)=/i

/**
 * Methods whose body has no meaning (RFC 9110 sections 9.3.1, 9.3.2 and 9.3.8). A service that ignores the body reads it as
 * the next request on the connection, which other tenants share.
 */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'TRACE'])

type RequestProblem =
  | 'headers_too_large'
  | 'duplicate_header'
  | 'malformed_request'
  | 'credentials_in_url'
  | 'uri_too_long'
  | 'no_web_socket'

/** Refuses requests that two parsers could read differently, and credentials in the URL. */
export const checkRequest: Step<RequestProblem> = (_gate, request) => {
  const lines = request.raw.rawHeaders
  if (lines.length / 2 > HEADER_LINES_MAX) return new Problem('headers_too_large')
  let seen = 0
  const names = new Set<string>()
  for (let position = 0; position < lines.length; position += 2) {
    const name = (lines[position] as string).toLowerCase()
    if (!SINGLE_HEADERS.has(name)) continue
    seen += 1
    names.add(name)
  }
  if (names.size !== seen) return new Problem('duplicate_header')
  if (!isReadable(request.raw.httpVersion, names.has('host'))) return new Problem('malformed_request')
  if (BODILESS.has(request.method) && hasBody(request.raw)) {
    return new Problem('malformed_request', { detail: `A ${request.method} request must not have a body.` })
  }
  if (CREDENTIAL_IN_URL.test(request.originalUrl)) return new Problem('credentials_in_url')
  if (!isDecodable(request.originalUrl)) return new Problem('malformed_request')
  if (hasLongParameter(request)) return new Problem('uri_too_long')
  if (request.ws && !request.is404 && !mayBeSocket(request)) return new Problem('no_web_socket')
  return undefined
}

/** The supported versions of HTTP. Since 1.1 a request must name its host (RFC 9112 section 3.2). Node also accepts 0.9. */
function isReadable(version: string, has_host: boolean): boolean {
  return version === '1.0' || (version === '1.1' && has_host)
}

/** Whether a parameter of the path is too long. A wildcard matches a path, so it has no limit here. */
function hasLongParameter({ params }: FastifyRequest): boolean {
  const parts = Object.entries((params ?? {}) as Record<string, string>)
  return parts.some(([name, value]) => name !== '*' && value.length > PATH_PARAMETER_CHARACTERS_MAX)
}

/** Whether the route can accept a WebSocket handshake. For the route of all upstreams, the declared route decides later. */
function mayBeSocket(request: FastifyRequest): boolean {
  return speaksWebSocket(request) || request.routeOptions.config.identify_route !== undefined
}
