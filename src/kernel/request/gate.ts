import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import type { FactsReader } from '../authz/facts-reader.js'
import type { LeasedRoles } from '../authz/leased-roles.js'
import type { AccessTokens } from '../credentials/access-tokens.js'
import type { KeyUseRecorder } from '../credentials/key-use.js'
import type { Limiter } from '../limits/limiter.js'
import type { ScopesNow } from '../permissions/scope-catalogue.js'
import type { Problem } from '../problems/problems.js'
import type { Clock } from '../time/clock.js'

/** The process-wide parts that steps work with. */
export interface Gate {
  readonly facts: FactsReader
  readonly roles: LeasedRoles
  readonly access_tokens: AccessTokens
  readonly limiter: Limiter
  readonly key_use: KeyUseRecorder
  readonly scopesNow: ScopesNow
  readonly clock: Clock
}

/**
 * The work of one row of the table for a request: it may read, spend a budget, or open something.
 *
 * @returns the problem that refuses the request, or undefined if the request passes. Its type names every code.
 * @throws Problem `service_unavailable` when something that it needs is not available
 */
export type Step<Code extends ProblemCode = ProblemCode> = (
  gate: Gate,
  request: FastifyRequest,
  reply: FastifyReply,
) => Problem<Code> | undefined | Promise<Problem<Code> | undefined>
