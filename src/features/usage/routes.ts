import { invalidField } from '../../kernel/problems/validation.js'
import { member } from '../../kernel/request/access.js'
import { type Routes, TenantParams } from '../../kernel/rest/schemas.js'
import { type Clock, instantOf } from '../../kernel/time/clock.js'
import type { UsageRecorder } from './recorder.js'
import { Usage, UsageQuery } from './schema.js'

const DAY_MS = 86_400_000
const SPAN_DAYS_DEFAULT = 7
const SPAN_DAYS_MAX = 400
/** The maximum number of hours in one response, which has one row per hour. */
const SPAN_DAYS_OF_HOURS_MAX = 40
const HOUR_MS = 3_600_000

/** The usage of the tenant. It is counted in memory, and written every few seconds and before this response. */
const usage: Routes<{ readonly clock: Clock; readonly recorder: UsageRecorder }> = async (app, { clock, recorder }) => {
  app.get(
    '',
    {
      config: member('analytics:view'),
      schema: {
        operationId: 'getUsage',
        summary: 'Get requests, refusals and latency of the tenant',
        description: `By default the last ${SPAN_DAYS_DEFAULT} days. Hours are whole: from is taken back to the beginning of its hour, to on to the end of its hour, and the answer says so. Hours one by one are given for ${SPAN_DAYS_OF_HOURS_MAX} days at most, else it is ${SPAN_DAYS_MAX}.`,
        tags: ['tenants'],
        params: TenantParams,
        querystring: UsageQuery,
        response: { 200: Usage },
      },
    },
    async (request) => {
      const { group_by = 'day' } = request.query
      const to_ms = endOfHour(request.query.to === undefined ? clock() + 1 : Date.parse(request.query.to))
      const from_ms = startOfHour(
        request.query.from === undefined ? to_ms - SPAN_DAYS_DEFAULT * DAY_MS : Date.parse(request.query.from),
      )
      checkSpan(from_ms, to_ms, group_by === 'hour' ? SPAN_DAYS_OF_HOURS_MAX : SPAN_DAYS_MAX)
      // Writes the counters of this replica first. If that fails, the response is a few seconds old.
      await recorder.flush().catch(() => undefined)
      const [from, to] = [instantOf(from_ms), instantOf(to_ms)]
      return {
        from,
        to,
        group_by,
        ...(await request.tenant_store.read((store) => store.usage.sums(group_by, from, to))),
      }
    },
  )
}
export default usage

const startOfHour = (time_ms: number) => Math.floor(time_ms / HOUR_MS) * HOUR_MS
const endOfHour = (time_ms: number) => Math.ceil(time_ms / HOUR_MS) * HOUR_MS

/** Also refuses invalid times, such as a leap second, and years that PostgreSQL cannot read. */
function checkSpan(from_ms: number, to_ms: number, days_max: number): void {
  const days = (to_ms - from_ms) / DAY_MS
  if (days > 0 && days <= days_max && from_ms >= FIRST_MS && to_ms <= LAST_MS) return
  throw invalidField('/from', `must be before to, by at most ${days_max} days`)
}

const FIRST_MS = Date.parse('2000-01-01T00:00:00Z')
const LAST_MS = Date.parse('9999-12-31T00:00:00Z')
