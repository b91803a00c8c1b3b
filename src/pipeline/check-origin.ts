import { Problem } from '../http/problems.js'
import { found } from './findings.js'
import type { Step } from './gate.js'

/** A browser page may call on behalf of a tenant only from an origin that the tenant lists. */
export const checkOrigin: Step = (_gate, request) => {
  const { origin } = request.headers
  if (origin === undefined) return
  if (!found(request.findings.tenant).allowed_origins.includes(origin)) throw new Problem('origin_not_allowed')
}
