import type { ClientRequest, IncomingMessage } from 'node:http'
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
  /** Time allowed until the connection is open. */
  readonly connect_ms: number
  /** The CA certificates (PEM) for the upstream; undefined for those that Node trusts. */
  readonly ca?: string | undefined
}

/**
 * Why there is no socket: the upstream did not answer 101, did not answer in time, could not be connected to, or broke the
 * connection or sent invalid HTTP.
 */
export class DialFailure extends Error {
  override readonly name = 'DialFailure'

  constructor(
    readonly kind: 'refused' | 'timeout' | 'unreachable' | 'broken' | 'aborted',
    /** Whether there was a connection. Without one, the upstream received nothing. */
    readonly was_connected: boolean,
    /** The response, if there was one. */
    readonly response?: Pick<IncomingMessage, 'statusCode' | 'headers'>,
    cause?: unknown,
  ) {
    super(response === undefined ? kind : `${kind} with ${response.statusCode}`, { cause })
  }
}

/**
 * Opens a socket to an upstream. It does not follow redirects.
 *
 * @returns the open socket, paused until the relay resumes it
 * @throws DialFailure
 */
export function dial(dialling: Dialling, signal: AbortSignal): Promise<WebSocket> {
  const { url, headers, protocols, message_bytes_max, timeout_ms, connect_ms, ca } = dialling
  return new Promise((resolve, reject) => {
    let socket: WebSocket
    let is_connected = false
    try {
      socket = new WebSocket(url, [...protocols], {
        ...SOCKET_OPTIONS,
        ca,
        // Verified whatever NODE_TLS_REJECT_UNAUTHORIZED is, as for the pool of a backend.
        rejectUnauthorized: true,
        headers,
        followRedirects: false,
        maxPayload: message_bytes_max,
        finishRequest: (request: ClientRequest) => {
          request.once('socket', (connection) => {
            const onConnect = () => {
              is_connected = true
              clearTimeout(connect_timer)
            }
            if (!connection.connecting) onConnect()
            else connection.once(url.startsWith('wss:') ? 'secureConnect' : 'connect', onConnect)
          })
          request.end()
        },
      } as ClientOptions)
    } catch (error) {
      // ws rejects an invalid subprotocol of the client.
      reject(new DialFailure('unreachable', false, undefined, error))
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
    const onTimeout = () => fail(new DialFailure('timeout', is_connected))
    const timer = setTimeout(onTimeout, timeout_ms)
    const connect_timer = setTimeout(onTimeout, connect_ms)
    const abort = () => fail(new DialFailure('aborted', is_connected))
    const settle = () => {
      clearTimeout(timer)
      clearTimeout(connect_timer)
      signal.removeEventListener('abort', abort)
      socket.removeAllListeners()
    }
    signal.addEventListener('abort', abort, { once: true })
    socket.once('unexpected-response', (_request, response: IncomingMessage) =>
      fail(new DialFailure('refused', true, response)),
    )
    socket.once('error', (error) =>
      fail(new DialFailure(is_connected ? 'broken' : 'unreachable', is_connected, undefined, error)),
    )
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
