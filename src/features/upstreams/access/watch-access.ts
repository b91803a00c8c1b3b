import type { FastifyRequest } from 'fastify'
import { required } from '../../../kernel/request/findings.js'
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

/** Makes the function that watches the access of connections to upstreams. */
export function watchingAccess(connections: OpenConnections, upstreams: Upstreams): WatchAccess {
  return (request, connection, upstream, find) =>
    connections.add({
      connection,
      credential: required(request.findings.credential),
      location: { address: request.ip, origin: request.headers.origin },
      declared: () => operationNow(upstreams.current(), upstream, find),
    })
}

/** The operation in the current manifest; undefined if it is gone, or its upstream has other origins now. */
function operationNow(generation: Generation, { declared }: RunningUpstream, find: FindOperation) {
  const operation = find(generation)
  if (operation === undefined) return undefined
  const now = generation.upstreams.get(operation.upstream)?.declared
  const is_same = now?.name === declared.name && String(now.origins) === String(declared.origins)
  return is_same ? operation : undefined
}
