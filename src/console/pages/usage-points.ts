import type { paths } from '../api/schema'

export type UsageAnswer = paths['/v1/tenants/{tenant_id}/usage']['get']['responses'][200]['content']['application/json']

const HOUR_MS = 3_600_000
const STEP_MS = { hour: HOUR_MS, day: 24 * HOUR_MS } as const

/** The counts and the durations of an hour or a day. */
export interface UsagePoint {
  readonly at: string
  readonly counts: readonly number[]
  readonly times: readonly number[]
}

/** The points of a plot. The API leaves out times without requests, so they are filled in as zero. */
export function pointsOf({ from, to, group_by, data }: UsageAnswer): UsagePoint[] {
  if (data.length === 0) return []
  const step_ms = STEP_MS[group_by === 'hour' ? 'hour' : 'day']
  const rows = new Map(data.map((row) => [Date.parse(row.group), row]))
  const points: UsagePoint[] = []
  const first_ms = Math.floor(Date.parse(from) / step_ms) * step_ms
  for (let at_ms = first_ms; at_ms < Date.parse(to); at_ms += step_ms) {
    const row = rows.get(at_ms)
    points.push({
      at: new Date(at_ms).toISOString(),
      counts: [row?.requests ?? 0, row?.refusals ?? 0],
      times: [row?.duration_ms_average ?? 0, row?.duration_ms_max ?? 0],
    })
  }
  return points
}
