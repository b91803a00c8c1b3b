import type { Upstream } from '../manifest/manifest.js'

type Addresses = Pick<Upstream, 'prefix' | 'rewrite' | 'origins'>

/** Stands for the origin of the response. No service has this name (RFC 6761). */
const HERE = 'http://upstream.invalid'
/**
 * What a client changes when it resolves a reference: the segments `.` and `..`, also encoded, backslashes, control
 * characters and spaces. Everything else passes byte for byte.
 */
const RESOLVED = /[^\u0021-\u005b\u005d-\u007e\u0080-\uffff]|(?:^|\/)(?:\.|%2e){1,2}(?:[/?#]|$)/i

/**
 * The `Location` of a response, rewritten to the path that clients use. A location on another host does not change. The
 * location is resolved before it is compared with the prefix: with `..` a service could name any path of the gateway.
 *
 * @param request_path path and query of the request, as the service received them
 * @returns undefined for a location that clients cannot reach
 */
export function publicLocation(location: string, upstream: Addresses, request_path: string): string | undefined {
  const { prefix, rewrite, origins } = upstream
  const text = Buffer.from(location, 'latin1').toString()
  if (!URL.canParse(text, HERE + request_path)) return undefined
  const url = new URL(text, HERE + request_path)
  const is_here = url.origin === HERE
  if (!is_here && !origins.includes(url.origin)) return location
  const origin = origins.find((each) => location.startsWith(`${each}/`)) ?? ''
  const written = location.slice(origin.length)
  const is_plain = !RESOLVED.test(written) && (is_here || origin !== '')
  // A relative reference, which stays below the path of the request.
  if (is_plain && !written.startsWith('/')) return location
  const path = is_plain ? written : url.pathname + url.search + url.hash
  if (isWithin(path, rewrite)) return prefix + path.slice(rewrite.length)
  // A service that reads X-Forwarded-Prefix sends public paths.
  return is_here && isWithin(path, prefix) ? path : undefined
}

/** The path of a cookie, as clients see it. @returns undefined for a path that clients cannot reach */
export function publicCookiePath(path: string, { prefix, rewrite }: Addresses): string | undefined {
  // The cookie is for every path of the service, so it is for every path below the prefix.
  if (path === '/' || path === '') return prefix
  // A browser compares the path as it is written, so it never fits one with dots.
  if (RESOLVED.test(path) || !isWithin(path, rewrite)) return undefined
  return prefix + path.slice(rewrite.length)
}

function isWithin(path: string, root: string): boolean {
  return path.startsWith(root) && /^(?:[/?#]|$)/.test(path.slice(root.length))
}
