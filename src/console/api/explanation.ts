import type { paths } from './schema'

type Answer = paths['/v1/tenants/{tenant_id}/access/explain']['post']['responses'][200]['content']['application/json']

/** The decision about a request that was not sent. */
export type Explanation = Extract<Answer, { allowed: boolean }>

/** A refusal that the audit recorded, and what the gateway would decide now. */
export type ExplainedRefusal = Exclude<Answer, { allowed: boolean }>

/** Whether an answer is about a request that was not sent. The other answers are about recorded refusals. */
export function isExplanation(answer: Answer): answer is Explanation {
  return 'allowed' in answer
}
