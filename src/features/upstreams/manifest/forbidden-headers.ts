/**
 * Which names of headers no manifest may let through, whatever it says.
 */

/** Of one connection only (RFC 9110 section 7.6.1, RFC 9113 section 8.2.2). */
const HOP_BY_HOP =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|http2-settings|content-length|expect)$/
/** Credentials for the gateway, what the gateway says itself, and what would say something else than it. */
const OF_THE_GATEWAY =
  /^(authorization|host|via|forwarded|traceparent|tracestate|x-request-id|x-tenant-.*|x-gatehouse-.*|x-forwarded-.*|x-real-ip|x-client-ip|x-cluster-client-ip|true-client-ip|cf-connecting-ip|x-original-.*|x-rewrite-url|x-http-method.*|x-method-override|sec-websocket-.*)$/
const ANSWERED_BY_THE_GATEWAY =
  /^(x-request-id|x-gatehouse-.*|ratelimit.*|strict-transport-security|x-content-type-options|content-security-policy|date|via)$/

/** Whether no manifest may let a header of this name through to an upstream. */
export function isForbiddenInRequests(name: string): boolean {
  return HOP_BY_HOP.test(name) || OF_THE_GATEWAY.test(name)
}

/** Whether no manifest may let a header of this name through to a caller. */
export function isForbiddenInResponses(name: string): boolean {
  return HOP_BY_HOP.test(name) || ANSWERED_BY_THE_GATEWAY.test(name)
}
