import type { ToldProblem } from '../../kernel/request/findings.js'
import type { Action } from '../../kernel/store/actions.js'
import type { Origin } from '../../kernel/store/audit-record.js'
import type { Clock } from '../../kernel/time/clock.js'
import { instantOf } from '../../kernel/time/clock.js'

/**
 * The sampling of refusals. Per write (every ten seconds), refusals with the same tenant, code and caller are one event with
 * their count. This many different events are written. Beyond that, there is one event per code. So a flood writes a bounded
 * number of events, and each refusal is counted in one of them.
 */
const DISTINCT_MAX = 100

/** A refusal that the audit records: of credentials, of scopes, or of a budget. */
export interface Refusal {
  readonly tenant_id: string | null
  readonly code: string
  readonly origin: Origin
  readonly route: string
  /** What the response said. */
  readonly told?: ToldProblem | undefined
  /** The tenant key of the request. */
  readonly key_id?: string | undefined
  /** The user of the access token, if the refusal came before the token was checked. */
  readonly user_id?: string | undefined
}

/** One event for `count` refusals. */
export interface SampledRefusal extends Refusal {
  readonly action: Action
  readonly first_at: string
  count: number
}

export interface RefusalRecorder {
  record(refusal: Refusal): void
  /** The refusal of a request that is not written yet. Undefined if there is none, or if a similar one came before. */
  pending(tenant_id: string, request_id: string): SampledRefusal | undefined
  /** Writes the refusals since the last write. If the write fails, it keeps them for the next one. */
  flush(): Promise<number>
}

const ACTION_OF: Readonly<Record<string, Action>> = {
  invalid_credentials: 'login.failed',
  rate_limited: 'budget.exceeded',
}

/** Counts refusals in memory and writes them, sampled, with every flush. */
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
    const noted_as = key === exact ? refusal : { tenant_id: null, code, origin: ANONYMOUS, route: 'others' }
    noted.set(key, { ...noted_as, action: ACTION_OF[code] ?? 'request.refused', first_at, count })
  }

  return {
    record: (refusal) => add(refusal, 1, instantOf(clock())),
    pending(tenant_id, request_id) {
      for (const each of noted.values()) {
        if (each.tenant_id === tenant_id && each.origin.request_id === request_id) return each
      }
      return undefined
    },
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

/** The origin of an event that counts the refusals of many callers. */
const ANONYMOUS: Origin = { actor: { kind: 'anonymous', id: null }, address: null, user_agent: null, request_id: null }
