/**
 * Headers pass by exact name, from these lists and those of the manifest. Many servers read `X_Tenant_Id` and
 * `X.Tenant.Id` as `X-Tenant-Id`, so a client could otherwise override a header that the gateway sets.
 */
const REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'prefer',
  'range',
  'user-agent',
]

const RESPONSE_HEADERS = [
  'accept-ranges',
  'allow',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'location',
  'preference-applied',
  'retry-after',
  'vary',
]

/** The names of the request headers that pass to an upstream. */
export function requestHeaderNames(allowed: readonly string[]): readonly string[] {
  return [...new Set([...REQUEST_HEADERS, ...allowed])]
}

/** The names of the response headers that pass to a client. */
export function responseHeaderNames(allowed: readonly string[]): ReadonlySet<string> {
  return new Set([...RESPONSE_HEADERS, ...allowed])
}

/** Headers of one connection (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2). */
const HOP_BY_HOP =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|content-length|expect)$/
/** Credentials for the gateway, headers that the gateway sets, and headers that could contradict those. */
const OF_THE_GATEWAY =
  /^(authorization|host|via|forwarded|traceparent|tracestate|x-request-id|x-tenant-.*|x-gatehouse-.*|x-forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip|x-original-.*|x-rewrite-url|x-http-method.*|x-method-override|sec-websocket-.*)$/
const SET_BY_THE_GATEWAY =
  /^(x-request-id|x-gatehouse-.*|ratelimit.*|strict-transport-security|x-content-type-options|content-security-policy|date|via)$/

/** Whether a manifest must not pass a request header of this name to an upstream. */
export function isForbiddenInRequests(name: string): boolean {
  return HOP_BY_HOP.test(name) || OF_THE_GATEWAY.test(name)
}

/** Whether a manifest must not pass a response header of this name to a client. */
export function isForbiddenInResponses(name: string): boolean {
  return HOP_BY_HOP.test(name) || SET_BY_THE_GATEWAY.test(name)
}
