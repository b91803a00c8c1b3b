import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Problem } from '../../../kernel/problems/problems.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import type { Backend } from '../pool/backend.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import { alternativesOf } from './alternatives.js'
import { type DialFailure, dial } from './relay-dial.js'

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
 * Opens a WebSocket to a backend of an upstream.
 *
 * @returns the open socket, or the problem that says why there is none: the client gets it over HTTP
 * @throws Problem `upstream_unavailable` if no backend can take a connection
 */
export async function connectUpstream(handshake: UpstreamHandshake): Promise<WebSocket | Problem> {
  const { declared, upstream, path, protocols, headers, tenant_id, client } = handshake
  const backend = upstream.choose([])
  if (backend === undefined) {
    throw new Problem('upstream_unavailable', { headers: { 'retry-after': String(upstream.retrySeconds()) } })
  }
  const { timeout_ms, message_bytes_max } = declared
  const { ca } = upstream.declared
  const url = backend.url.replace(/^http/, 'ws') + path
  const client_left = new AbortController()
  const abort = () => client_left.abort()
  client.once('close', abort)
  backend.breaker.enter()
  try {
    const dialling = { url, headers: recordOf(headers), protocols, message_bytes_max, timeout_ms, ca }
    const socket = await dial(dialling, client_left.signal)
    backend.breaker.succeed()
    return socket
  } catch (error) {
    const failure = error as DialFailure
    noteFailure(backend, failure, tenant_id)
    return problemOf(failure, upstream)
  } finally {
    client.off('close', abort)
  }
}

function noteFailure({ breaker }: Backend, { kind }: DialFailure, tenant_id: string): void {
  if (kind === 'refused') breaker.succeed()
  else if (kind === 'aborted') breaker.leave()
  else if (kind === 'timeout') breaker.fail({ kind: 'response', tenant_id })
  else breaker.fail({ kind: 'connection' })
}

function problemOf({ kind, status, message, cause }: DialFailure, { declared }: RunningUpstream): Problem {
  const internal = `${declared.name}: ${message} ${cause ?? ''}`.trim()
  if (kind === 'timeout') return new Problem('upstream_timeout', { internal, cause })
  if (kind !== 'refused') return new Problem('upstream_unreachable', { internal, cause })
  const { poll, advice } = alternativesOf(declared)
  return new Problem('upstream_no_web_socket', {
    internal,
    detail: `The service behind the gateway answered ${status} to the handshake: it has no such WebSocket. ${advice}`,
    members: { upstream: declared.name, upstream_status: status, poll },
  })
}

function recordOf(flat: readonly string[]): Record<string, string> {
  const record: Record<string, string> = {}
  for (let position = 0; position < flat.length; position += 2) {
    record[flat[position] as string] = flat[position + 1] as string
  }
  return record
}
