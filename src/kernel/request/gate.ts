import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FactsReader } from '../authz/facts-reader.js'
import type { AccessTokens } from '../credentials/access-tokens.js'
import type { KeyUseRecorder } from '../credentials/key-use.js'
import type { Limiter } from '../limits/limiter.js'
import type { Clock } from '../time/clock.js'

/** The process-wide parts that steps work with. */
export interface Gate {
  readonly facts: FactsReader
  readonly access_tokens: AccessTokens
  readonly limiter: Limiter
  readonly key_use: KeyUseRecorder
  readonly clock: Clock
}

/** One row of the table: it lets the request pass, or throws a Problem. */
export type Step = (gate: Gate, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>
