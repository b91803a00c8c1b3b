import { useQuery } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { api, bodyOf } from '../../api/client'
import { pageQuery } from '../../api/pages'
import type { paths } from '../../api/schema'
import { Page, Progress } from '../../components/page'
import { Pager } from '../../components/pager'
import { ProblemNotice } from '../../components/problem'
import { AuditFilters } from '../audit-filters'
import { AuditTable } from '../audit-table'

type AuditQuery = NonNullable<paths['/v1/platform/audit-events']['get']['parameters']['query']>

/** The audit of the platform: what operators and users did outside of a tenant, and inside of each. */
export function PlatformAudit() {
  const search = useSearch({ from: '/platform/audit' })
  const navigate = useNavigate()
  const { cursor, ...filters } = search
  const events = useQuery({
    queryKey: ['platform', 'audit', search],
    queryFn: () =>
      bodyOf(
        api.GET('/v1/platform/audit-events', {
          params: { query: { ...(filters as AuditQuery), ...pageQuery(cursor) } },
        }),
      ),
  })
  return (
    <Page title="Audit of the platform">
      <AuditFilters
        key={JSON.stringify(filters)}
        filters={filters}
        onShow={(search) => void navigate({ to: '/platform/audit', search })}
      />
      <ProblemNotice error={events.error} />
      {events.isPending && <Progress>Loading the events</Progress>}
      {events.data !== undefined && (
        <AuditTable events={events.data.data} is_filtered={Object.keys(filters).length > 0} />
      )}
      {events.data !== undefined && <Pager cursor={cursor} next_cursor={events.data.next_cursor} />}
    </Page>
  )
}
