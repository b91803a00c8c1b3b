import type { WebSocket } from 'ws'
import { CLOSE_CODES, type CloseCode } from '../../contract/close-codes.js'
import type { Problem } from '../problems/problems.js'

/** How long a peer may take to answer a close frame. After it the gateway destroys the connection. */
export const CLOSE_MS_MAX = 3_000
/** Spread over some seconds, so that the clients of a gateway that restarts do not all return at the same moment. */
const RETRY_AFTER_SECONDS = { least: 1, most: 5 }

/** The close code for a problem: it says what the status says over HTTP. */
export function closeCodeOf({ status }: Problem): CloseCode {
  if (status === 401) return CLOSE_CODES.unauthenticated
  if (status === 403 || status === 404) return CLOSE_CODES.forbidden
  if (status === 429) return CLOSE_CODES.too_many_requests
  if (status === 503) return CLOSE_CODES.try_again_later
  return status >= 500 ? CLOSE_CODES.internal_error : CLOSE_CODES.policy_violation
}

/** Closes a socket. The reason, which a page can read, is the code of the problem and the time to wait, if there is one. */
export function closeFor(socket: WebSocket, problem: Problem, code: CloseCode = closeCodeOf(problem)): void {
  const retry_after = problem.headers['retry-after']
  socket.close(code, retry_after === undefined ? problem.code : `${problem.code}; Retry-After: ${retry_after}`)
}

/** Closes a socket, or both sides of a relay, because this process stops. */
export function closeForRestart(socket: { close(code: CloseCode, reason: string): void }): void {
  socket.close(CLOSE_CODES.service_restart, `service_unavailable; Retry-After: ${retryAfterRestart()}`)
}

/** Seconds after which a client should connect again when this process stops; different for each client. */
export function retryAfterRestart(): number {
  const { least, most } = RETRY_AFTER_SECONDS
  return least + Math.floor(Math.random() * (most - least + 1))
}

/** Destroys a connection that its peer has not closed within the time. */
export function destroyAfter(
  closing: { once(event: 'close', listener: () => void): unknown; destroy(): unknown },
  after_ms: number,
): void {
  const timer = setTimeout(() => closing.destroy(), after_ms).unref()
  closing.once('close', () => clearTimeout(timer))
}
