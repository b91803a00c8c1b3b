import type { IncomingHttpHeaders } from 'node:http'

/**
 * Headers pass by name, from lists, and by no other spelling: `X_Tenant_Id` and `X.Tenant.Id`, which many servers take
 * for `X-Tenant-Id`, are on no list. So nothing of a caller can stand beside a header that the gateway sets.
 */
const REQUEST_HEADERS = [
  'accept',
  'accept-encoding',
  'accept-language',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'idempotency-key',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-range',
  'if-unmodified-since',
  'last-event-id',
  'prefer',
  'range',
  'user-agent',
]

const RESPONSE_HEADERS = [
  'accept-ranges',
  'allow',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'location',
  'preference-applied',
  'retry-after',
  'vary',
]

/** The names that pass to an upstream. */
export function requestHeaderNames(allowed: readonly string[]): readonly string[] {
  return [...new Set([...REQUEST_HEADERS, ...allowed])]
}

/** The names that pass to a caller. */
export function responseHeaderNames(allowed: readonly string[]): ReadonlySet<string> {
  return new Set([...RESPONSE_HEADERS, ...allowed])
}

/**
 * The headers of a caller that pass, as a flat list of names and values. A header that the caller's `Connection` names
 * is meant for the gateway alone (RFC 9110 section 7.6.1); the gateway's own are added later, so none can be named away.
 */
export function passedHeaders(headers: IncomingHttpHeaders, names: readonly string[]): string[] {
  const passed: string[] = []
  const dropped = headers.connection === undefined ? undefined : connectionOptions(headers.connection)
  for (const name of names) {
    const value = headers[name]
    if (value === undefined || dropped?.includes(name)) continue
    passed.push(name, typeof value === 'string' ? value : value.join(', '))
  }
  return passed
}

function connectionOptions(value: string): string[] | undefined {
  if (value === 'keep-alive' || value === 'close') return undefined
  return value
    .toLowerCase()
    .split(',')
    .map((option) => option.trim())
}

/**
 * Puts the headers of an upstream that pass over those that the gateway gives every answer. `Vary` is added to what is
 * there; `Set-Cookie`, where it is allowed, stays a line each.
 *
 * @param raw names and values as they came, in turn.
 */
export function answeredHeaders(
  own: Record<string, number | string | string[] | undefined>,
  raw: readonly Buffer[],
  names: ReadonlySet<string>,
): Record<string, number | string | string[] | undefined> {
  const headers = own
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
  return headers
}

function latin1(bytes: Buffer | undefined): string {
  return bytes === undefined ? '' : bytes.toString('latin1')
}
