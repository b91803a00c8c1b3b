import { Problem } from '../../../kernel/problems/problems.js'
import type { Upstream } from '../manifest/manifest.js'
import type { Generation } from '../pool/generation.js'

/** The problem of a handshake for a path without a WebSocket. It lists the routes that the page can poll instead. */
export function noSocket(generation: Generation, path: string): Problem {
  const upstream = generation.upstreamAt(path)
  if (upstream === undefined) return new Problem('not_found')
  const { poll, advice } = alternativesOf(upstream.declared)
  const detail = `This path has no WebSocket. ${advice}`
  const code = generation.find('GET', path) === undefined ? 'not_found' : 'no_web_socket'
  return new Problem(code, { detail, members: { poll } })
}

/** The routes of an upstream that a client can poll if it cannot open a WebSocket, and a sentence that lists them. */
export function alternativesOf({ routes }: Upstream): { readonly poll: readonly string[]; readonly advice: string } {
  const poll = routes.filter(({ method }) => method === 'GET').map(({ url }) => `GET ${url}`)
  const advice = poll.length === 0 ? 'The service has no route that you can poll instead.' : `Poll ${poll.join(', ')}.`
  return { poll, advice }
}
