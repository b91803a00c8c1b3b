import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { useMemo } from 'react'
import { api, bodyOf } from '../api/client'
import { Field } from '../components/field'
import { Empty, Page, Progress } from '../components/page'
import { Plot } from '../components/plot'
import { ProblemNotice } from '../components/problem'
import { pointsOf } from './usage-points'
import { GROUPS, type Group, RANGES, type Range, type UsageSearch } from './usage-search'
import { UsageTable } from './usage-table'

const HOUR_MS = 3_600_000
const REQUESTS = [
  { name: 'Requests', colour: '--accent' },
  { name: 'Refusals', colour: '--danger' },
]
const DURATIONS = [
  { name: 'Average, ms', colour: '--accent' },
  { name: 'Slowest, ms', colour: '--warn' },
]

/** How the tenant uses the gateway: requests, refusals and durations over time, and where they come from. */
export function Usage() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const { range = 'week', by = 'code' } = useSearch({ from: '/t/$tenant_id/usage' })
  const navigate = useNavigate()
  const show = (search: UsageSearch) => void navigate({ to: '/t/$tenant_id/usage', params: { tenant_id }, search })
  const { hours, group_by } = RANGES[range]
  const over_time = useUsage(tenant_id, hours, group_by)
  const grouped = useUsage(tenant_id, hours, by)
  const points = useMemo(() => (over_time.data === undefined ? undefined : pointsOf(over_time.data)), [over_time.data])
  return (
    <Page title="Usage">
      <div className="form-row wide">
        <Field label="Time">
          {(control) => (
            <select {...control} value={range} onChange={(event) => show({ range: event.target.value as Range, by })}>
              {Object.entries(RANGES).map(([value, { name }]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Table by">
          {(control) => (
            <select {...control} value={by} onChange={(event) => show({ range, by: event.target.value as Group })}>
              {Object.entries(GROUPS).map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          )}
        </Field>
      </div>
      {group_by === 'day' && <p className="soft">Days begin at midnight UTC.</p>}
      <ProblemNotice error={over_time.error ?? grouped.error} />
      {over_time.isPending && <Progress>Counting the requests</Progress>}
      {points?.length === 0 && (
        <Empty>No request in this time. The gateway counts a request within 10 s of its response.</Empty>
      )}
      {points !== undefined && points.length > 0 && (
        <>
          <Plot
            title="Requests and refusals"
            lines={REQUESTS}
            points={points.map(({ at, counts }) => ({ at, values: counts }))}
          />
          <Plot title="Duration" lines={DURATIONS} points={points.map(({ at, times }) => ({ at, values: times }))} />
          {grouped.data !== undefined && <UsageTable by={by} usage={grouped.data} />}
        </>
      )}
    </Page>
  )
}

function useUsage(tenant_id: string, hours: number, group_by: Group | 'hour' | 'day') {
  return useQuery({
    queryKey: ['usage', tenant_id, hours, group_by],
    queryFn: () => {
      const from = new Date(Date.now() - hours * HOUR_MS).toISOString()
      return bodyOf(
        api.GET('/v1/tenants/{tenant_id}/usage', { params: { path: { tenant_id }, query: { group_by, from } } }),
      )
    },
  })
}
