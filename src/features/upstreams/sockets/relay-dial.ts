import type { IncomingMessage } from 'node:http'
import { type ClientOptions, WebSocket } from 'ws'

/** The options of both ends of a relay. */
export const SOCKET_OPTIONS = {
  // The relay forwards pings and pongs, so the other end answers them.
  autoPong: false,
  // Messages are not decompressed: a small message could become a huge one.
  perMessageDeflate: false,
  /** The maximum number of fragments. More fragments would only use up memory. */
  maxFragments: 1_024,
  maxBufferedChunks: 16_384,
  /** How long a closing handshake may take before the connection is destroyed. */
  closeTimeout: 3_000,
} as const

export interface Dialling {
  /** A `ws:` or `wss:` URL with the path at the upstream. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly protocols: readonly string[]
  readonly message_bytes_max: number
  readonly timeout_ms: number
  /** The CA certificates (PEM) for the upstream; undefined for those that Node trusts. */
  readonly ca?: string | undefined
}

/** Why there is no socket: the upstream did not answer 101, did not answer in time, or could not be reached. */
export class DialFailure extends Error {
  override readonly name = 'DialFailure'

  constructor(
    readonly kind: 'refused' | 'timeout' | 'unreachable' | 'aborted',
    /** The status of the response, if there was one. */
    readonly status?: number,
    cause?: unknown,
  ) {
    super(status === undefined ? kind : `${kind} with ${status}`, { cause })
  }
}

/**
 * Opens a socket to an upstream. It does not follow redirects.
 *
 * @returns the open socket, paused until the relay resumes it
 * @throws DialFailure
 */
export function dial(dialling: Dialling, signal: AbortSignal): Promise<WebSocket> {
  const { url, headers, protocols, message_bytes_max, timeout_ms, ca } = dialling
  return new Promise((resolve, reject) => {
    let socket: WebSocket
    try {
      socket = new WebSocket(url, [...protocols], {
        ...SOCKET_OPTIONS,
        ca,
        // Verified whatever NODE_TLS_REJECT_UNAUTHORIZED is, as for the pool of a backend.
        rejectUnauthorized: true,
        headers,
        followRedirects: false,
        maxPayload: message_bytes_max,
      } as ClientOptions)
    } catch (error) {
      // ws rejects an invalid subprotocol of the client.
      reject(new DialFailure('unreachable', undefined, error))
      return
    }
    const fail = (failure: DialFailure) => {
      settle()
      // Destroying it can still emit an error, which needs a listener.
      socket.on('error', () => undefined)
      socket.terminate()
      reject(failure)
    }
    // A timer of its own, because the timeout of the client restarts with each byte.
    const timer = setTimeout(() => fail(new DialFailure('timeout')), timeout_ms)
    const abort = () => fail(new DialFailure('aborted'))
    const settle = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      socket.removeAllListeners()
    }
    signal.addEventListener('abort', abort, { once: true })
    socket.once('unexpected-response', (_request, { statusCode }: IncomingMessage) =>
      fail(new DialFailure('refused', statusCode)),
    )
    socket.once('error', (error) => fail(new DialFailure('unreachable', undefined, error)))
    socket.once('open', () => {
      settle()
      // It can break before the relay takes it. The relay then finds it closed.
      socket.on('error', () => undefined)
      socket.pause()
      resolve(socket)
    })
    if (signal.aborted) abort()
  })
}
