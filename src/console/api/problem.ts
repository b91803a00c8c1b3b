/** What a response with a problem contains (RFC 9457). The members below `request_id` depend on the code. */
export interface ProblemBody {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  readonly request_id: string
  readonly errors?: readonly { readonly pointer?: string; readonly parameter?: string; readonly message: string }[]
  readonly missing?: readonly string[]
  readonly exceeding_scopes?: readonly string[]
  readonly granted_by_roles?: readonly string[]
  readonly denied_by_override?: readonly string[]
}

/** A refusal of the gateway. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  constructor(
    readonly body: ProblemBody,
    /** Seconds until the request can succeed, if the gateway said so. */
    readonly retry_after: number | undefined,
  ) {
    super(body.detail)
  }
}

/** Reads the problem of a response. A proxy in front of the gateway can send a response that is none. */
export async function problemOf(response: Response): Promise<ApiProblem> {
  const body: unknown = await response.json().catch(() => undefined)
  const retry_after = Number(response.headers.get('retry-after') ?? Number.NaN)
  return new ApiProblem(
    isProblem(body) ? body : foreignBody(response),
    Number.isNaN(retry_after) ? undefined : retry_after,
  )
}

function isProblem(body: unknown): body is ProblemBody {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body && 'title' in body
}

function foreignBody(response: Response): ProblemBody {
  return {
    type: 'about:blank',
    title: `HTTP ${response.status}`,
    status: response.status,
    detail: 'The response does not come from the gateway. A proxy on the way may have sent it.',
    code: '',
    request_id: response.headers.get('x-request-id') ?? '',
  }
}
