import type { Action } from '../../kernel/store/actions.js'
import type { Origin } from '../../kernel/store/audit-record.js'
import type { Clock } from '../../kernel/time/clock.js'
import { instantOf } from '../../kernel/time/clock.js'

/**
 * The rule of sampling: of refusals with the same tenant, code and caller, one event per writing (ten seconds) stands
 * for all, with their count; and of different ones, this many are told one by one. What is beyond is one event a code.
 * So a flood of any size writes a bounded number of events, and every single refusal is counted in one of them.
 */
const DISTINCT_MAX = 100

/** A refusal that is worth an audit event: of credentials, of rights, or of a budget. */
export interface Refusal {
  readonly tenant_id: string | null
  readonly code: string
  readonly origin: Origin
  readonly route: string
}

/** What is written: one event for `count` refusals. */
export interface SampledRefusal extends Refusal {
  readonly action: Action
  readonly first_at: string
  count: number
}

export interface RefusalRecorder {
  record(refusal: Refusal): void
  /** Writes what was noted since the last time; what cannot be written is noted again. */
  flush(): Promise<number>
}

const ACTION_OF: Readonly<Record<string, Action>> = {
  invalid_credentials: 'login.failed',
  rate_limited: 'budget.exceeded',
}

/** Notes refusals in memory and writes them, sampled, with every flush. */
export function openRefusalRecorder(clock: Clock, write: (refusal: SampledRefusal) => Promise<void>): RefusalRecorder {
  let noted = new Map<string, SampledRefusal>()

  function add(refusal: Refusal, count: number, first_at: string): void {
    const { tenant_id, code, origin } = refusal
    const caller = origin.actor.id ?? origin.address
    const exact = JSON.stringify([tenant_id, code, caller])
    const key = noted.has(exact) || noted.size < DISTINCT_MAX ? exact : JSON.stringify(['others', code])
    const found = noted.get(key)
    if (found !== undefined) {
      found.count += count
      return
    }
    const told = key === exact ? refusal : { ...refusal, tenant_id: null, origin: NOBODY, route: 'others' }
    noted.set(key, { ...told, action: ACTION_OF[code] ?? 'request.refused', first_at, count })
  }

  return {
    record: (refusal) => add(refusal, 1, instantOf(clock())),
    async flush() {
      const taken = [...noted.values()]
      noted = new Map()
      let written = 0
      try {
        for (const refusal of taken) {
          await write(refusal)
          written += 1
        }
      } catch (error) {
        for (const refusal of taken.slice(written)) add(refusal, refusal.count, refusal.first_at)
        throw error
      }
      return written
    },
  }
}

/** Stands for many callers at once. */
const NOBODY: Origin = { actor: { kind: 'anonymous', id: null }, address: null, user_agent: null, request_id: null }
