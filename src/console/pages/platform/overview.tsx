import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { useMemo } from 'react'
import { api, bodyOf } from '../../api/client'
import { useMayOnPlatform } from '../../api/platform'
import { Empty, Page, Progress } from '../../components/page'
import { Plot, type Point } from '../../components/plot'
import { ProblemNotice } from '../../components/problem'
import { Table } from '../../components/table'

const DAY_MS = 86_400_000
const LINES = [
  { name: 'Tenants', colour: '--accent' },
  { name: 'Users', colour: '--warn' },
]

/** The size and the load of the platform in the last 30 days. */
export function Overview() {
  const overview = useQuery({
    queryKey: ['platform', 'overview'],
    queryFn: () => bodyOf(api.GET('/v1/platform/analytics/overview')),
  })
  const growth = useQuery({
    queryKey: ['platform', 'growth'],
    queryFn: () => bodyOf(api.GET('/v1/platform/analytics/growth', { params: { query: {} } })),
  })
  const points = useMemo(() => (growth.data === undefined ? undefined : pointsOf(growth.data)), [growth.data])
  return (
    <Page title="Overview">
      <ProblemNotice error={overview.error ?? growth.error} />
      {overview.isPending && <Progress>Loading the totals</Progress>}
      {overview.data !== undefined && <Totals totals={overview.data} />}
      {points !== undefined && points.length > 0 && (
        <Plot title="New tenants and users a day" lines={LINES} points={points} />
      )}
      <Load />
    </Page>
  )
}

interface TotalsProps {
  readonly totals: {
    readonly tenants: number
    readonly suspended: number
    readonly trials_over: number
    readonly users: number
    readonly users_disabled: number
    readonly last_day: { readonly requests: number; readonly refusals: number; readonly active_tenants: number }
  }
}

function Totals({ totals }: TotalsProps) {
  return (
    <dl className="facts">
      <dt>Tenants</dt>
      <dd>
        {totals.tenants.toLocaleString()}, of them {totals.suspended.toLocaleString()} suspended and{' '}
        {totals.trials_over.toLocaleString()} with a trial that is over
      </dd>
      <dt>Users</dt>
      <dd>
        {totals.users.toLocaleString()}, of them {totals.users_disabled.toLocaleString()} disabled
      </dd>
      <dt>Last 24 hours</dt>
      <dd>
        {totals.last_day.requests.toLocaleString()} requests of {totals.last_day.active_tenants.toLocaleString()}{' '}
        tenants, of them {totals.last_day.refusals.toLocaleString()} refused
      </dd>
    </dl>
  )
}

/** The tenants with the most requests. The gateway returns at most 100. */
function Load() {
  const may_see_tenants = useMayOnPlatform()('platform:tenants:view')
  const busiest = useQuery({
    queryKey: ['platform', 'busiest'],
    queryFn: () => bodyOf(api.GET('/v1/platform/analytics/tenants', { params: { query: {} } })),
  })
  const most = Math.max(1, ...(busiest.data?.data.map(({ requests }) => requests) ?? []))
  return (
    <section className="stack wide" aria-labelledby="load">
      <h2 id="load">Load by tenant, last 30 days</h2>
      <ProblemNotice error={busiest.error} />
      {busiest.data?.data.length === 0 && <Empty>No tenant has sent a request in this time.</Empty>}
      {busiest.data !== undefined && busiest.data.data.length > 0 && (
        <Table
          columns={[
            'Tenant',
            { numeric: 'Members' },
            { numeric: 'Requests' },
            { numeric: 'Refusals' },
            'Share of the largest',
          ]}
        >
          {busiest.data.data.map((row) => (
            <tr key={row.tenant_id}>
              <th scope="row">
                {may_see_tenants ? (
                  <Link to="/platform/tenants/$id" params={{ id: row.tenant_id }}>
                    {row.name}
                  </Link>
                ) : (
                  row.name
                )}
              </th>
              <td className="number">{row.members.toLocaleString()}</td>
              <td className="number">{row.requests.toLocaleString()}</td>
              <td className="number">{row.refusals.toLocaleString()}</td>
              <td>
                <meter min={0} max={most} value={row.requests} aria-label={`Requests of ${row.name}`} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  )
}

interface GrowthAnswer {
  readonly from: string
  readonly to: string
  readonly data: readonly { readonly day: string; readonly tenants: number; readonly users: number }[]
}

/** A point for each day in UTC. The API leaves out days without a new tenant or user. */
function pointsOf({ from, to, data }: GrowthAnswer): Point[] {
  const rows = new Map(data.map((row) => [row.day, row]))
  const points: Point[] = []
  for (let at_ms = Math.floor(Date.parse(from) / DAY_MS) * DAY_MS; at_ms < Date.parse(to); at_ms += DAY_MS) {
    const at = new Date(at_ms).toISOString()
    const row = rows.get(at.slice(0, 10))
    points.push({ at, values: [row?.tenants ?? 0, row?.users ?? 0] })
  }
  return points
}
