import type { Test } from 'tap'
import type { ProblemCode } from '../../../src/contract/problems/catalogue.js'
import { PUBLIC_URL } from '../../helpers/gateway.js'
import type { Answer } from '../../helpers/requests.js'

/** Asserts that the response is the problem with this status and code. */
export function expectProblem(t: Test, answer: Answer, status: number, code: ProblemCode, name = code as string): void {
  const { body, headers } = answer
  t.match(
    { status: answer.status, media_type: headers.get('content-type'), body },
    {
      status,
      media_type: 'application/problem+json; charset=utf-8',
      body: {
        type: `${PUBLIC_URL}/problems/${code}`,
        title: String,
        status,
        detail: String,
        code,
        request_id: headers.get('x-request-id') ?? 'the request id is missing',
      },
    },
    name,
  )
}

/** The challenge of RFC 6750 for a request without a bearer token. */
export const CHALLENGE = 'Bearer realm="gateway"'
/** The challenge for an invalid bearer token. */
export const CHALLENGE_INVALID = 'Bearer realm="gateway", error="invalid_token"'
export const CHALLENGE_TENANT = 'TenantKey realm="gateway"'

/** The quota and the remaining requests of one budget in the RateLimit headers of a response. */
export function budgetOf(answer: Answer, name: string): { quota: number; window: number; left: number; reset: number } {
  const [, quota, window] = /q=(\d+);w=(\d+)/.exec(memberOf(answer.headers.get('ratelimit-policy'), name)) ?? []
  const [, left, reset] = /r=(\d+);t=(\d+)/.exec(memberOf(answer.headers.get('ratelimit'), name)) ?? []
  return { quota: Number(quota), window: Number(window), left: Number(left), reset: Number(reset) }
}

function memberOf(header: string | null, name: string): string {
  return (header ?? '').split(', ').find((member) => member.startsWith(`"${name}";`)) ?? ''
}
