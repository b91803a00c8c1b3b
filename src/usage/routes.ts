import { Type } from 'typebox'
import { Problem } from '../http/problems.js'
import { closed, Instant, type Routes, TenantParams } from '../http/schemas.js'
import { member } from '../pipeline/access.js'
import { type Clock, instantOf } from '../storage/clock.js'
import type { UsageRecorder } from './recorder.js'
import { USAGE_GROUPS } from './store.js'

const DAY_MS = 86_400_000
const SPAN_DAYS_DEFAULT = 7
const SPAN_DAYS_MAX = 400

const UsageAnswer = Type.Object(
  {
    from: Type.String(),
    to: Type.String(),
    group_by: Type.String(),
    data: Type.Array(
      Type.Object({
        group: Type.String({ description: 'Key id, route, status, code, hour or day. Empty: no key, or no problem.' }),
        requests: Type.Integer(),
        refusals: Type.Integer({ description: 'Answers that were problems.' }),
        duration_ms_average: Type.Number(),
        duration_ms_max: Type.Number(),
      }),
    ),
  },
  { $id: 'Usage' },
)

/** What the tenant used: counted in memory, written every few seconds, and before this answer. */
const usage: Routes<{ readonly clock: Clock; readonly recorder: UsageRecorder }> = async (app, { clock, recorder }) => {
  app.get(
    '',
    {
      config: member('analytics:view'),
      schema: {
        operationId: 'getUsage',
        summary: 'Requests, refusals and latency of the tenant',
        description: `By default the last ${SPAN_DAYS_DEFAULT} days. Hours are whole; to is excluded.`,
        tags: ['tenants'],
        params: TenantParams,
        querystring: closed({
          group_by: Type.Optional(Type.Enum(USAGE_GROUPS, { description: 'day if not given.' })),
          from: Type.Optional(Instant),
          to: Type.Optional(Instant),
        }),
        response: { 200: UsageAnswer },
      },
    },
    async (request) => {
      const { group_by = 'day' } = request.query
      const to_ms = request.query.to === undefined ? clock() + 1 : Date.parse(request.query.to)
      const from_ms =
        request.query.from === undefined ? to_ms - SPAN_DAYS_DEFAULT * DAY_MS : Date.parse(request.query.from)
      checkSpan(from_ms, to_ms)
      // What this replica has counted is in the answer; a failure here only makes it a few seconds old.
      await recorder.flush().catch(() => undefined)
      const [from, to] = [instantOf(from_ms), instantOf(to_ms)]
      return {
        from,
        to,
        group_by,
        data: await request.tenant_store.read((store) => store.usage.sums(group_by, from, to)),
      }
    },
  )
}
export default usage

function checkSpan(from_ms: number, to_ms: number): void {
  const days = (to_ms - from_ms) / DAY_MS
  if (days > 0 && days <= SPAN_DAYS_MAX) return
  throw new Problem('validation_failed', {
    members: { errors: [{ pointer: '/from', message: `must be before to, by at most ${SPAN_DAYS_MAX} days` }] },
  })
}
