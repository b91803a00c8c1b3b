import type { RunningUpstream } from '../pool/running-upstream.js'
import { publicCookiePath, publicLocation } from './public-location.js'

type Headers = Record<string, number | string | string[] | undefined>

/** Rewrites the value of a header that contains paths of the upstream. Undefined: clients cannot reach what it names. */
type Rewrite = (value: string, upstream: RunningUpstream['declared'], request_path: string) => string | undefined

/** The headers with paths of the upstream. A client knows only the public paths. */
const ADDRESSES: Readonly<Record<string, Rewrite>> = {
  location: publicLocation,
  'content-location': publicLocation,
  link: publicLink,
  'set-cookie': publicCookie,
}

/** One link of a `Link` header (RFC 8288): a target in angle brackets, and parameters whose quoted texts may hold commas. */
const LINK = /<([^<>]*)>((?:[^",]|"(?:[^"\\]|\\.)*")*)/g

/** Rewrites the target of each link, and removes the links that clients cannot reach. */
function publicLink(value: string, upstream: RunningUpstream['declared'], request_path: string): string | undefined {
  const links = [...value.matchAll(LINK)].flatMap(([, target = '', parameters = '']) => {
    const location = publicLocation(target, upstream, request_path)
    return location === undefined ? [] : [`<${location}>${parameters.trimEnd()}`]
  })
  return links.length === 0 ? undefined : links.join(', ')
}

/**
 * Rewrites `Path` of a cookie (RFC 6265 section 4.1). `Domain` is removed: a browser refuses that of another host. A path
 * that clients cannot reach is removed, so that the browser takes the path of the request.
 */
function publicCookie(value: string, upstream: RunningUpstream['declared']): string {
  return value
    .split(';')
    .flatMap((part, position) => {
      const [, name = '', text = ''] = /^\s*([^=\s]*)\s*=?\s*(.*?)\s*$/.exec(part) ?? []
      if (position === 0 || !/^(path|domain)$/i.test(name)) return [part]
      if (name.toLowerCase() === 'domain') return []
      const path = publicCookiePath(text, upstream)
      return path === undefined ? [] : [` Path=${path}`]
    })
    .join(';')
}

/**
 * Adds the headers of an upstream's response that pass to the headers that the gateway gives every response. `Vary` is
 * joined with the gateway's own. Each `Set-Cookie`, if the manifest allows it, stays a line of its own. Paths
 * of the upstream are rewritten to those that callers use, and removed if callers cannot reach them.
 *
 * @param headers the headers of the gateway; the function changes them
 * @param raw names and values of the upstream in turn
 * @param request_path path and query of the request, as the upstream received them
 */
export function responseHeaders(
  headers: Headers,
  raw: readonly Buffer[],
  upstream: RunningUpstream,
  request_path: string,
): Headers {
  const { response_headers: names, declared } = upstream
  let seen: Set<string> | undefined
  for (let position = 0; position < raw.length; position += 2) {
    const name = latin1(raw[position]).toLowerCase()
    if (!names.has(name)) continue
    const value = latin1(raw[position + 1])
    const before = headers[name]
    seen ??= new Set()
    if (before !== undefined && (name === 'vary' || seen.has(name))) {
      headers[name] = name === 'set-cookie' ? [before as string, value].flat() : `${before}, ${value}`
    } else headers[name] = value
    seen.add(name)
  }
  for (const name of seen ?? []) {
    const rewrite = ADDRESSES[name]
    const value = headers[name]
    if (rewrite === undefined || value === undefined) continue
    const rewritten = [value].flat().flatMap((each) => rewrite(String(each), declared, request_path) ?? [])
    if (rewritten.length === 0) delete headers[name]
    else headers[name] = name === 'set-cookie' ? rewritten : rewritten.join(', ')
  }
  return headers
}

function latin1(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : bytes.toString('latin1')
}
