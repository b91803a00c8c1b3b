import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Problem } from '../../../kernel/problems/problems.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import { type Backend, CONNECT_MS } from '../pool/backend.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import { problemOfDial } from './dial-problems.js'
import { DialFailure, dial } from './relay-dial.js'

export interface UpstreamHandshake {
  readonly declared: DeclaredSocket
  readonly upstream: RunningUpstream
  /** Path and query. */
  readonly path: string
  readonly protocols: readonly string[]
  /** Names and values in turn. */
  readonly headers: readonly string[]
  readonly tenant_id: string
  /** The connection of the client. If it closes, the handshake is aborted. */
  readonly client: Socket
}

/**
 * Opens a WebSocket to a backend of an upstream. If the connection fails, it tries the next backend.
 *
 * @returns the open socket, or the problem that says why there is none: the client gets it over HTTP
 * @throws Problem `upstream_unavailable` if no backend can take a connection
 */
export async function connectUpstream(handshake: UpstreamHandshake): Promise<WebSocket | Problem> {
  const { declared, upstream } = handshake
  const tries = upstream.tries(declared.timeout_ms)
  for (;;) {
    const backend = tries.next()
    if (backend === undefined) {
      throw new Problem('upstream_unavailable', { headers: { 'retry-after': String(upstream.retrySeconds()) } })
    }
    const outcome = await connectBackend(backend, handshake)
    if (!(outcome instanceof DialFailure)) return outcome
    const { kind, was_connected } = outcome
    const is_repeatable = kind === 'broken'
    const is_final = kind === 'refused' || kind === 'aborted'
    if (is_final || !tries.canFollow({ was_connected, is_repeatable })) return problemOfDial(outcome, upstream.declared)
  }
}

async function connectBackend(backend: Backend, handshake: UpstreamHandshake): Promise<WebSocket | DialFailure> {
  const { declared, upstream, path, protocols, headers, tenant_id, client } = handshake
  const { timeout_ms, message_bytes_max } = declared
  const { ca } = upstream.declared
  const url = backend.url.replace(/^http/, 'ws') + path
  const client_left = new AbortController()
  const abort = () => client_left.abort()
  client.once('close', abort)
  backend.breaker.enter()
  try {
    const limits = { message_bytes_max, timeout_ms, connect_ms: CONNECT_MS }
    const dialling = { url, headers: recordOf(headers), protocols, ...limits, ca }
    const socket = await dial(dialling, client_left.signal)
    backend.breaker.succeed()
    return socket
  } catch (error) {
    const failure = error as DialFailure
    noteFailure(backend, failure, tenant_id)
    return failure
  } finally {
    client.off('close', abort)
  }
}

function noteFailure({ breaker }: Backend, { kind, was_connected }: DialFailure, tenant_id: string): void {
  if (kind === 'refused') breaker.succeed()
  else if (kind === 'aborted') breaker.leave()
  else breaker.fail(was_connected ? { kind: 'response', tenant_id } : { kind: 'connection' })
}

function recordOf(flat: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let position = 0; position < flat.length; position += 2) {
    record[flat[position] as string] = flat[position + 1] as string
  }
  return record
}
