/**
 * Returns a text as a browser writes the origin of a page (RFC 6454 section 6.2): lower case, no default port, and no path.
 * Undefined for a text that is not an origin. `*` is no wildcard: the URL parser takes it as a letter of the host, but no
 * host has it (RFC 1123 section 2.1), so an origin with it would never equal an Origin header.
 */
export function writtenOrigin(text: string): string | undefined {
  if (text.includes('*') || !URL.canParse(text)) return undefined
  const { origin } = new URL(text)
  // A sandboxed page of any site sends `null`, so `null` cannot be allowed.
  return origin === 'null' ? undefined : origin
}
