import type { RunningUpstream } from '../pool/running-upstream.js'

type Headers = Record<string, number | string | string[] | undefined>

/**
 * Adds the headers of an upstream's response that pass to the headers that the gateway gives every response. `Vary` is
 * joined with the gateway's own. Each `Set-Cookie`, if the manifest allows it, stays a line of its own. `Location` is
 * rewritten to the path that callers use, and removed if callers cannot reach it.
 *
 * @param headers the headers of the gateway; the function changes them
 * @param raw names and values of the upstream in turn
 */
export function responseHeaders(headers: Headers, raw: readonly Buffer[], upstream: RunningUpstream): Headers {
  const { response_headers: names } = upstream
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
  if (typeof headers.location === 'string') {
    const location = upstream.publicLocation(headers.location)
    if (location === undefined) delete headers.location
    else headers.location = location
  }
  return headers
}

function latin1(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : bytes.toString('latin1')
}
