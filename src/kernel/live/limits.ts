/** How often each connection is checked for pings and timeouts. */
export const TICK_MS = 250

/** The gateway pings each socket, and closes one that has sent nothing for two intervals. */
export const PING_EVERY_MS = 30_000
export const SILENT_MS_MAX = 60_000
/** A comment in an event stream, so that no proxy closes a stream that is silent for a minute. */
export const HEARTBEAT_EVERY_MS = 15_000

/**
 * Unread bytes of one connection in memory. Beyond it the gateway sends nothing, and continues from the log when the
 * client has read. A client that stays beyond it for `CONGESTED_MS_MAX` is disconnected.
 */
export const UNREAD_BYTES_MAX = 262_144
export const CONGESTED_MS_MAX = 15_000
/** Changes that one query reads for a connection that lacks some. */
export const REPLAY_PAGE = 50
/** Changes that wait because an earlier one is missing. The log has all of them. */
export const EARLY_MAX = 200

/** The longest wait of a long poll, in seconds. Proxies and browsers wait longer for a response. */
export const WAIT_SECONDS_MAX = 25
