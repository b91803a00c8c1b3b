import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { api, bodyOf } from '../api/client'
import { pageQuery } from '../api/pages'
import type { paths } from '../api/schema'
import { Page, Progress } from '../components/page'
import { Pager } from '../components/pager'
import { ProblemNotice } from '../components/problem'
import { AuditExport } from './audit-export'
import { AuditFilters } from './audit-filters'
import type { AuditSearch } from './audit-search'
import { AuditTable } from './audit-table'

type AuditQuery = NonNullable<paths['/v1/tenants/{tenant_id}/audit-events']['get']['parameters']['query']>

/** The audit of a tenant: every change, and sampled refusals. */
export function Audit() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const search = useSearch({ from: '/t/$tenant_id/audit' })
  const navigate = useNavigate()
  const { cursor, ...filters } = search
  const events = useQuery({
    queryKey: ['audit', tenant_id, search],
    queryFn: () =>
      bodyOf(
        api.GET('/v1/tenants/{tenant_id}/audit-events', {
          params: { path: { tenant_id }, query: { ...(filters as AuditQuery), ...pageQuery(cursor) } },
        }),
      ),
  })
  return (
    <Page title="Audit" about="Every change leaves one event. Similar refusals within 10 s are one event with a count.">
      <AuditFilters
        key={JSON.stringify(filters)}
        filters={filters}
        onShow={(search) => void navigate({ to: '/t/$tenant_id/audit', params: { tenant_id }, search })}
      />
      <AuditExport key={`export ${JSON.stringify(filters)}`} tenant_id={tenant_id} filters={filters} />
      <ProblemNotice error={events.error} />
      {events.isPending && <Progress>Loading the events</Progress>}
      {events.data !== undefined && <AuditTable events={events.data.data} is_filtered={isFiltered(filters)} />}
      {events.data !== undefined && <Pager cursor={cursor} next_cursor={events.data.next_cursor} />}
    </Page>
  )
}

function isFiltered(filters: AuditSearch): boolean {
  return Object.keys(filters).length > 0
}
