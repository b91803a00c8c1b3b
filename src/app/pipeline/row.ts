import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import type { Column, RuleRow } from '../../kernel/authz/access-rules.js'
import type { Rule } from '../../kernel/authz/rules.js'
import type { Problem } from '../../kernel/problems/problems.js'
import type { Gate, Step } from '../../kernel/request/gate.js'

/** Completes the problem of a rule for a request: counts it, or adds what only a query can find out. */
type OnRefusal<Code extends ProblemCode> = (
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
  problem: Problem<Code>,
) => Promise<Problem<Code>>

/**
 * One row of the table. For a request the step runs first. Then the rule decides; everything else that decides about
 * access asks the same rule.
 */
export interface Row<Code extends ProblemCode = ProblemCode> extends RuleRow {
  readonly columns: readonly Column[]
  readonly step?: Step<Code>
  readonly rule?: Rule<Code>
  /** Runs for a request that the rule refuses. */
  onRefusal?(...refusal: Parameters<OnRefusal<Code>>): ReturnType<OnRefusal<Code>>
  readonly refuses: readonly Code[]
}

/**
 * Checks a row at compile time: a step, a rule or an `onRefusal` that can return a code which `refuses` does not list is
 * a type error.
 */
export function row<const Code extends ProblemCode>(given: {
  readonly columns: readonly Column[]
  readonly step?: Step<NoInfer<Code>>
  readonly rule?: Rule<NoInfer<Code>>
  readonly onRefusal?: OnRefusal<NoInfer<Code>>
  readonly refuses: readonly Code[]
}): Row<Code> {
  return given
}
