import type { IncomingHttpHeaders } from 'node:http'
import { Problem } from '../problems/problems.js'

/** The values of `Sec-Fetch-Site` of a request that the user or a page of the same origin started. */
const OWN_SITES: readonly string[] = ['same-origin', 'none']

/**
 * Refuses a form that a page of another site sent.
 *
 * Every current browser sends `Sec-Fetch-Site` to an https URL and to localhost, and no page can change it. A request
 * without it comes from a program, from an old browser, or over plain HTTP; then `Origin` decides. The pages of the gateway
 * have the policy `no-referrer`, with which a browser sends `Origin: null` for their own forms too (Fetch standard, "append
 * a request Origin header"). So over plain HTTP, `null` says nothing and is accepted: only a client that knows the token can
 * name the path of the form.
 *
 * @throws Problem `cross_site_request`
 */
export function checkSameOrigin(headers: IncomingHttpHeaders, public_url: string): void {
  const site = headers['sec-fetch-site']
  if (site !== undefined) {
    if (OWN_SITES.includes(String(site))) return
    throw new Problem('cross_site_request')
  }
  const { origin } = headers
  if (origin === undefined || origin === public_url) return
  if (origin === 'null' && public_url.startsWith('http:')) return
  throw new Problem('cross_site_request')
}
