import { checkListed } from '../../../kernel/authz/standing.js'
import { found } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'

/** A browser page may call on behalf of a tenant only from an origin that the tenant lists. */
export const checkOrigin: Step = (_gate, request) => {
  checkListed(found(request.findings.tenant), request.headers.origin)
}
