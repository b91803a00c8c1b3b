import { Problem } from '../../../kernel/problems/problems.js'
import type { DeclaredRoute, DeclaredSocket } from '../manifest/manifest.js'
import type { Generation } from '../pool/generation.js'
import { DOT_SEGMENT, type Target } from './path.js'

/** A path that is encoded more often than this has no reason to be. */
const DECODINGS_MAX = 3
/** A path parameter (RFC 3986 section 3.3) of a segment. Its semicolon may be encoded any number of times. */
const PATH_PARAMETER = /(?:;|%(?:25)*3b)[^/]*/gi

/**
 * Finds the route of a request. Servers differ in how they read an encoded `/`, `;` or `%`, and the gateway cannot know how
 * this service does. So a route must allow each of them, and every reading of the path must belong to that same route: the
 * access that the gateway checks is that of the route, whatever the service reads.
 *
 * @throws Problem `ambiguous_path`
 */
export function findRoute(generation: Generation, method: string, target: Target): DeclaredRoute | undefined {
  const { path, encoded } = target
  const route = generation.find(method, path)
  if (encoded.length === 0) return route
  const is_allowed =
    route !== undefined &&
    encoded.every((each) => route.encoded.includes(each)) &&
    readingsOf(path).every((reading) => isPlain(reading) && generation.find(method, reading) === route)
  if (!is_allowed) throw new Problem('ambiguous_path')
  return route
}

/** Finds the WebSocket of a handshake. No socket allows encoded characters. @throws Problem `ambiguous_path` */
export function findSocket(generation: Generation, { path, encoded }: Target): DeclaredSocket | undefined {
  if (encoded.length > 0) throw new Problem('ambiguous_path')
  return generation.findSocket(path)
}

/**
 * Returns the paths that a server can make of a path: decoded once, twice or more, and each of them without path parameters,
 * which some servers remove before they decode and others after it.
 */
function readingsOf(path: string): string[] {
  const decoded = [path]
  for (let last = path; decoded.length <= DECODINGS_MAX; ) {
    const next = decodeBytes(last)
    if (next === last) break
    decoded.push(next)
    last = next
  }
  const innermost = decoded.at(-1) ?? path
  // It can still be decoded. An ambiguous reading refuses the path.
  if (decodeBytes(innermost) !== innermost) return ['//']
  return decoded.flatMap((reading) => [reading, reading.replace(PATH_PARAMETER, '')])
}

/** Decodes each encoded byte to the character with its number: only those of ASCII decide. */
function decodeBytes(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_all, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
}

/** Whether a reading has no dot segments, empty segments, backslashes or control characters. */
function isPlain(reading: string): boolean {
  return !DOT_SEGMENT.test(reading) && !reading.includes('//') && !/[\\\p{Cc}]/u.test(reading)
}
