/** The schemes whose pages have no origin, or none that a browser sends. */
const WITHOUT_PAGES: ReadonlySet<string> = new Set(['file:', 'ftp:', 'ws:', 'wss:'])
const OF_THE_WEB: ReadonlySet<string> = new Set(['http:', 'https:'])
/** Scheme, host and port of an app, such as `capacitor://localhost`. A browser does not change the case of such a host. */
const OF_AN_APP = /^[a-z][a-z0-9+.-]*:\/\/(?:[A-Za-z0-9._~-]+|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$/

/**
 * Returns the origin that a browser or an app sends for this text (RFC 6454 section 6.2): scheme, host, and port unless it
 * is the default of the scheme. Origins are compared as texts, so only a text that equals its own origin can be listed. It
 * has no pattern and no `null`, which a sandboxed page of any site sends.
 *
 * @returns undefined for a text that is not an origin
 */
export function pageOriginOf(text: string): string | undefined {
  if (text.includes('*') || !URL.canParse(text)) return undefined
  const { protocol, origin } = new URL(text)
  if (OF_THE_WEB.has(protocol)) return origin
  return !WITHOUT_PAGES.has(protocol) && OF_AN_APP.test(text) ? text : undefined
}
