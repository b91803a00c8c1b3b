import pLimit from 'p-limit'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import { type Credential, type End, type Place, standingOf } from '../../../kernel/authz/standing.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { closeCodeOf, retryAfterRestart } from '../../../kernel/sockets/web-sockets.js'
import type { RightsEvent } from '../../../kernel/store/events.js'
import type { Clock } from '../../../kernel/time/clock.js'
import type { DeclaredSocket } from '../manifest/manifest.js'
import { CLOSE_CODES, type Relay } from './relay.js'

/**
 * Whether somebody may stay connected is asked again after each change that may concern them. This is the net under it:
 * it finds what another replica changed, and what no bus told.
 */
export const RECHECK_EVERY_MS = 15_000
/** How often it is looked whose time has come. */
const TICK_MS = 1_000
const AT_ONCE = 0
const CHECKS_AT_ONCE_MAX = 8
/** While the database does not answer nobody knows who may stay. Beyond this it ends. */
const UNANSWERED_MS_MAX = 30_000

/** Somebody who is connected to a socket of an upstream. */
export interface Connected {
  readonly relay: Relay
  readonly credential: Credential
  readonly place: Place
  /** The route as it is declared now; undefined when the manifest has it no more. */
  readonly declared: () => DeclaredSocket | undefined
}

interface Entry extends Connected {
  /** Of this process's own clock: these are no times of day. */
  answered_ms: number
  due_ms: number
  is_asked: boolean
  /** What ends it by itself, and when, by the clock of the gateway. */
  ends: End | undefined
}

/** The relays of this process: who loses the right to one loses it, and all of them are told when the process stops. */
export class OpenRelays {
  private readonly entries = new Set<Entry>()
  private readonly limit = pLimit(CHECKS_AT_ONCE_MAX)
  private readonly timer: NodeJS.Timeout
  private manifest: unknown

  constructor(
    private readonly facts: FactsReader,
    private readonly clock: Clock,
    /** Whatever is another object when another manifest is in force. */
    private readonly manifestNow: () => unknown,
  ) {
    this.manifest = manifestNow()
    this.timer = setInterval(() => this.tick(), TICK_MS).unref()
  }

  add(connected: Connected): void {
    const now_ms = performance.now()
    // Between the pipeline's check and this moment the upstream was dialled, which takes its time: it is asked at once.
    const entry: Entry = { ...connected, answered_ms: now_ms, due_ms: now_ms, ends: undefined, is_asked: false }
    this.entries.add(entry)
    void connected.relay.ended.then(() => this.entries.delete(entry))
    this.checkDue()
  }

  /** Something changed: those whom it may concern are asked about now. Null is "any". */
  hear({ tenant_id, user_id }: RightsEvent): void {
    for (const entry of this.entries) {
      const { credential } = entry
      const is_concerned =
        (tenant_id === null || tenant_id === credential.tenant_id) &&
        (user_id === null || credential.user_id === null || user_id === credential.user_id)
      if (is_concerned) entry.due_ms = AT_ONCE
    }
    this.checkDue()
  }

  /** Tells everybody to come back later, and resolves when all of them are gone. */
  async close(): Promise<void> {
    clearInterval(this.timer)
    const entries = [...this.entries]
    for (const { relay } of entries) {
      relay.close(CLOSE_CODES.restart, `service_unavailable; Retry-After: ${retryAfterRestart()}`)
    }
    await Promise.all(entries.map(({ relay }) => relay.ended))
  }

  private tick(): void {
    const manifest = this.manifestNow()
    if (manifest !== this.manifest) for (const entry of this.entries) entry.due_ms = AT_ONCE
    this.manifest = manifest
    this.checkDue()
  }

  private checkDue(): void {
    const now_ms = performance.now()
    for (const entry of this.entries) {
      if (entry.is_asked || !(entry.due_ms <= now_ms || this.isOver(entry))) continue
      entry.is_asked = true
      // What is heard while it is asked makes it due again.
      entry.due_ms = now_ms + RECHECK_EVERY_MS
      void this.limit(() => this.check(entry)).then(() => {
        entry.is_asked = false
        if (entry.due_ms === AT_ONCE) this.checkDue()
      })
    }
  }

  private async check(entry: Entry): Promise<void> {
    const { relay, credential, place } = entry
    const declared = entry.declared()
    if (declared === undefined) return relay.close(CLOSE_CODES.restart, 'the upstream changed')
    try {
      const facts = await this.facts.read(credential)
      entry.answered_ms = performance.now()
      entry.ends = standingOf(facts, credential, place, declared.access.scopes, this.clock()).ends
    } catch (error) {
      if (error instanceof Problem && error.status < 500) relay.close(closeCodeOf(error), error.code)
      else this.noAnswer(entry)
    }
  }

  /** Asks again soon: what was taken away may be what nobody could read. What has ended by itself needs no answer. */
  private noAnswer(entry: Entry): void {
    const { relay, answered_ms, ends } = entry
    const now_ms = performance.now()
    if (ends !== undefined && this.isOver(entry)) relay.close(closeCodeOf(new Problem(ends.code)), ends.code)
    else if (now_ms - answered_ms > UNANSWERED_MS_MAX) relay.close(CLOSE_CODES.too_slow, 'service_unavailable')
    else entry.due_ms = Math.min(entry.due_ms, now_ms + TICK_MS)
  }

  private isOver({ ends }: Entry): boolean {
    return ends !== undefined && ends.at_ms <= this.clock()
  }
}
