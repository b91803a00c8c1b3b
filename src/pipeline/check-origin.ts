import { found } from './findings.js'
import type { Step } from './gate.js'
import { checkListed } from './standing.js'

/** A browser page may call on behalf of a tenant only from an origin that the tenant lists. */
export const checkOrigin: Step = (_gate, request) => {
  checkListed(found(request.findings.tenant), request.headers.origin)
}
