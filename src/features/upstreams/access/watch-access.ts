import type { FastifyRequest } from 'fastify'
import { required } from '../../../kernel/request/findings.js'
import { pageOriginOf } from '../../../kernel/request/page-origin.js'
import type { DeclaredOperation } from '../manifest/manifest.js'
import type { Generation } from '../pool/generation.js'
import type { RunningUpstream } from '../pool/running-upstream.js'
import type { Upstreams } from '../pool/upstreams.js'
import type { Closable, OpenConnections } from './open-connections.js'

/** Finds the operation of a connection in a manifest. */
export type FindOperation = (generation: Generation) => DeclaredOperation | undefined

/** Closes a connection of a request when its caller loses access, and when the manifest no longer declares its operation. */
export type WatchAccess = (
  request: FastifyRequest,
  connection: Closable,
  upstream: RunningUpstream,
  find: FindOperation,
) => void

/**
 * Ends a forwarded request that takes long when its caller loses access. It was authorised under the manifest of its
 * beginning, so a new one does not end it. That its access token expires is no loss of access: a large file can take longer.
 */
export type WatchExchange = (request: FastifyRequest, connection: Closable, route: DeclaredOperation) => void

/** Makes the function that watches the access of connections to upstreams. */
export function watchingAccess(connections: OpenConnections, upstreams: Upstreams): WatchAccess {
  return (request, connection, upstream, find) =>
    connections.add({
      connection,
      credential: required(request.findings.credential),
      location: { address: request.ip, origin: pageOriginOf(request) },
      declared: () => operationNow(upstreams.current(), upstream, find),
      ends_by_itself: false,
    })
}

/** Makes the function that watches the access of forwarded requests. */
export function watchingExchanges(connections: OpenConnections): WatchExchange {
  return (request, connection, route) => {
    const credential = required(request.findings.credential)
    const token_expires_at_ms = credential.token_expires_at_ms === null ? null : Number.MAX_SAFE_INTEGER
    connections.add({
      connection,
      credential: { ...credential, token_expires_at_ms },
      location: { address: request.ip, origin: pageOriginOf(request) },
      declared: () => route,
      ends_by_itself: true,
    })
  }
}

/** The operation in the current manifest; undefined if it is gone, or its upstream has other origins now. */
function operationNow(generation: Generation, { declared }: RunningUpstream, find: FindOperation) {
  const operation = find(generation)
  if (operation === undefined) return undefined
  const now = generation.upstreams.get(operation.upstream)?.declared
  const is_same = now?.name === declared.name && String(now.origins) === String(declared.origins)
  return is_same ? operation : undefined
}
