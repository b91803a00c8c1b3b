import type { IncomingMessage } from 'node:http'
import { type ClientOptions, WebSocket } from 'ws'

/** What both ends of a relay have in common. */
export const SOCKET_OPTIONS = {
  // Pings and pongs are handed on, so whoever is asked answers by itself.
  autoPong: false,
  // Messages are not unpacked: a small one could become a huge one.
  perMessageDeflate: false,
  /** A message in more pieces than that is no message but a way to hold memory. */
  maxFragments: 1_024,
  maxBufferedChunks: 16_384,
  /** How long a closing handshake may take before the connection is cut. */
  closeTimeout: 3_000,
} as const

export interface Dialling {
  /** `ws:` or `wss:`, with the path that the upstream is asked for. */
  readonly url: string
  readonly headers: Readonly<Record<string, string | string[]>>
  readonly protocols: readonly string[]
  readonly message_bytes_max: number
  readonly timeout_ms: number
  /** Certificates (PEM) that the upstream is verified against; undefined: those that Node trusts. */
  readonly ca?: string | undefined
}

/** Why there is no socket: the upstream answered with something else than 101, did not answer, or could not be reached. */
export class DialFailure extends Error {
  override readonly name = 'DialFailure'

  constructor(
    readonly kind: 'refused' | 'timeout' | 'unreachable' | 'aborted',
    /** What it answered, where it answered. */
    readonly status?: number,
    cause?: unknown,
  ) {
    super(status === undefined ? kind : `${kind} with ${status}`, { cause })
  }
}

/**
 * Opens a socket to an upstream. A redirect is an answer like any other: it is not followed.
 *
 * @returns the open socket, paused: nothing is read until whoever relays it resumes it.
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
        // Whatever the environment says: see the pool of the origins.
        rejectUnauthorized: true,
        headers,
        followRedirects: false,
        maxPayload: message_bytes_max,
      } as ClientOptions)
    } catch (error) {
      // A subprotocol that is none, by the grammar of the client.
      reject(new DialFailure('unreachable', undefined, error))
      return
    }
    const fail = (failure: DialFailure) => {
      settle()
      // It may still complain when it is cut off; nobody listens.
      socket.on('error', () => undefined)
      socket.terminate()
      reject(failure)
    }
    // Not the timeout of the client, which begins anew with each byte.
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
      // It may break while nobody relays it yet; the relay finds it closed.
      socket.on('error', () => undefined)
      socket.pause()
      resolve(socket)
    })
    if (signal.aborted) abort()
  })
}
