import { PROBLEMS, type ProblemCode } from '../../contract/problems/catalogue.js'

export interface ProblemOptions {
  /** Replaces the detail of the catalogue. The response contains it. */
  readonly detail?: string
  /** Extension members (RFC 9457 section 3.2). The response contains them. */
  readonly members?: Readonly<Record<string, unknown>>
  readonly headers?: Readonly<Record<string, string>>
  /** Only for the log. */
  readonly internal?: string
  readonly cause?: unknown
}

/**
 * A refusal on its way out: a row of the catalogue and what is special about this case. Its code is part of its type, so
 * that a function says which problems it returns.
 */
export class Problem<Code extends ProblemCode = ProblemCode> extends Error {
  override readonly name = 'Problem'
  readonly code: Code
  readonly status: number
  readonly detail: string
  readonly members: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>

  constructor(code: Code, options: ProblemOptions = {}) {
    // Nothing prints the stack of a refusal, and to record it took 7 % of the CPU of a 403.
    const frames = Error.stackTraceLimit
    if (PROBLEMS[code].status < 500) Error.stackTraceLimit = 0
    super(options.internal ?? code, { cause: options.cause })
    Error.stackTraceLimit = frames
    this.code = code
    this.status = PROBLEMS[code].status
    this.detail = options.detail ?? PROBLEMS[code].detail
    this.members = options.members ?? {}
    this.headers = { ...challenge(code), ...options.headers }
  }
}

/** A 401 must carry a challenge (RFC 9110 section 11.6.1), without an error if the request had no credentials (RFC 6750 section 3.1). */
function challenge(code: ProblemCode): Record<string, string> {
  switch (code) {
    case 'authentication_required':
    case 'invalid_credentials':
    case 'invalid_refresh_token':
      return { 'www-authenticate': 'Bearer realm="gateway"' }
    case 'invalid_token':
      return { 'www-authenticate': 'Bearer realm="gateway", error="invalid_token"' }
    case 'tenant_credentials_required':
    case 'invalid_tenant_credentials':
    case 'invalid_ticket':
      return { 'www-authenticate': 'TenantKey realm="gateway"' }
    default:
      return {}
  }
}

/** Returns the 503 with Retry-After that answers every failure of a dependency. */
export function unavailable(
  internal: string,
  retry_after_seconds = 1,
  cause?: unknown,
): Problem<'service_unavailable'> {
  return new Problem('service_unavailable', {
    internal,
    cause,
    headers: { 'retry-after': String(retry_after_seconds) },
  })
}

/** Returns the body of a problem response (RFC 9457 section 3.1). */
export function problemBody(problem: Problem, public_url: string, request_id: string): Record<string, unknown> {
  return {
    type: `${public_url}/problems/${problem.code}`,
    title: PROBLEMS[problem.code].title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    request_id,
    ...problem.members,
  }
}
