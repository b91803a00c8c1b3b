/**
 * The close codes of WebSockets that the gateway sends or reads: RFC 6455 section 7.4.1, the IANA registry of WebSocket
 * close codes, and from 4000 on the codes of this product.
 */
export const CLOSE_CODES = {
  /** The client of a relay disconnected without a close frame, or did not answer a ping. */
  going_away: 1001,
  /** Not in a close frame: the peer sent a close frame without a code. */
  no_status: 1005,
  /** Not in a close frame: the connection ended without a close frame. */
  abnormal: 1006,
  /** The client sent a frame that the stream protocol does not allow. */
  policy_violation: 1008,
  /** A side of a relay sent a message that is longer than the manifest allows. */
  message_too_big: 1009,
  internal_error: 1011,
  /** The gateway restarts, or the upstream of a relay changed. */
  service_restart: 1012,
  /** The client reads too slowly, or the gateway is unavailable. */
  try_again_later: 1013,
  /** The upstream of a relay disconnected, or sent invalid frames. */
  bad_gateway: 1014,
  /** A request would get 401. */
  unauthenticated: 4401,
  /** A request would get 403 or 404. */
  forbidden: 4403,
  /** The client sent no frame and no pong for too long. */
  timeout: 4408,
  /** A request would get 429, or the client sent too many frames. */
  too_many_requests: 4429,
} as const

export type CloseCode = (typeof CLOSE_CODES)[keyof typeof CLOSE_CODES]
