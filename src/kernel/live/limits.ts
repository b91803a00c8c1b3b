/** How often the state of all connections is looked at. What must happen within a second needs a few of these. */
export const TICK_MS = 250

/** A socket is asked whether its peer is still there, and one that has said nothing for twice as long is dropped. */
export const PING_EVERY_MS = 30_000
export const SILENT_MS_MAX = 60_000
/** Comments keep a stream of events alive through proxies that cut what is silent for a minute. */
export const HEARTBEAT_EVERY_MS = 15_000

/**
 * What one connection may leave unread in our memory. Beyond it nothing more is put there: the connection goes on from
 * the log once it has read. If it does not read for so long, it is too slow.
 */
export const UNREAD_BYTES_MAX = 262_144
export const CONGESTED_MS_MAX = 15_000
/** Messages read at once for somebody who missed some. */
export const REPLAY_PAGE = 50
/** Edits that wait for somebody to have read as far as the message that they are of. */
export const EDITS_WAITING_MAX = 500
/** Events that arrived ahead of one that is missing; the log has them all. */
export const EARLY_MAX = 200

/** Frames of a client in one second; it has no more to say than that it is there, and that it types. */
export const FRAMES_PER_SECOND_MAX = 20
/** So many refused frames within the window end the connection. */
export const VIOLATIONS_MAX = 10
export const VIOLATIONS_WINDOW_MS = 60_000

/** The longest that a poll may wait, in seconds: shorter than proxies and browsers wait for an answer. */
export const WAIT_SECONDS_MAX = 25
