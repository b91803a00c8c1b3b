import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AccessTokens } from '../auth/access-tokens.js'
import type { KeyUseRecorder } from '../keys/use-recorder.js'
import type { Limiter } from '../limits/limiter.js'
import type { Bus } from '../realtime/bus.js'
import type { Clock } from '../storage/clock.js'
import type { Database } from '../storage/database.js'
import type { FactsReader } from '../storage/facts-reader.js'

/** The process-wide parts that steps work with. */
export interface Gate {
  readonly database: Database
  readonly facts: FactsReader
  readonly access_tokens: AccessTokens
  readonly limiter: Limiter
  readonly key_use: KeyUseRecorder
  /** Where changes are told after their commit. */
  readonly bus: Bus
  readonly clock: Clock
}

/** One row of the table: it lets the request pass, or throws a Problem. */
export type Step = (gate: Gate, request: FastifyRequest, reply: FastifyReply) => void | Promise<void>
