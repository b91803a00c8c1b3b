import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Problem } from '../../../kernel/problems/problems.js'
import type { Observe } from '../../../kernel/request/observe.js'
import type { ForwardOutcome, UpstreamMetrics } from '../metrics.js'

/** The client disconnected before the response began. Not a status of HTTP, but common in logs. */
const CLIENT_GONE = 499

export interface RecordParts {
  readonly metrics: UpstreamMetrics
  /** Logs a response that never finishes: Fastify logs only those that do. */
  readonly observe: Observe
}

/** What the log and the metrics say about one exchange. */
export class ExchangeRecord {
  private readonly started_ms = performance.now()

  constructor(
    private readonly name: string,
    private readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
    private readonly parts: RecordParts,
  ) {}

  /** Notes the outcome at the upstream, when it is known. */
  note(outcome: ForwardOutcome, status: number | undefined, tries: number): void {
    const { name } = this
    this.request.findings.upstream = { name, outcome, status, tries }
    this.parts.metrics.forwarded(name, outcome, performance.now() - this.started_ms, tries)
  }

  /** The upstream broke off a response that had begun. */
  brokenOff({ code, message }: Problem, status: number, tries: number): void {
    this.note('broken', status, tries)
    this.request.findings.problem_code = code
    this.request.log.warn({ code, reason: message }, 'response of an upstream broke off')
    this.unfinished(status)
  }

  /** The client has left. @param status undefined if the response had not begun */
  clientLeft(status: number | undefined, tries: number): void {
    this.note('aborted', undefined, tries)
    this.unfinished(status ?? CLIENT_GONE)
  }

  /** The gateway ended a response that would have stayed open. */
  closed(reason: string, status: number): void {
    this.request.log.info({ reason }, 'response of an upstream closed')
    this.unfinished(status)
  }

  private unfinished(status: number): void {
    this.parts.observe(this.request, status, this.reply.elapsedTime)
  }
}
